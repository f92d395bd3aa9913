// The one script of the pages: it sends `tick`, by which live parts ask for what is new.
// It is silent while the tab is hidden, and asks more rarely while nobody answers.
"use strict";
(() => {
  const PACE_MS = 2000;
  const PACE_MAX_MS = 30000;
  let paceMs = PACE_MS;
  let timer = 0;

  function tick() {
    clearTimeout(timer);
    if (document.visibilityState === "visible") {
      document.body.dispatchEvent(new Event("tick"));
    }
    timer = setTimeout(tick, paceMs);
  }

  document.addEventListener("visibilitychange", tick);
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const answered = event.detail.successful;
    paceMs = answered ? PACE_MS : Math.min(paceMs * 2, PACE_MAX_MS);
    document.getElementById("connection").hidden = answered;
  });
  timer = setTimeout(tick, paceMs);
})();
