// The one script of the pages: it sends `tick`, by which live parts ask for what is new.
// It is silent while the tab is hidden, and asks more rarely while nobody answers. An answer that is an error is
// shown: a part in its place or in the one for problems, anything else as a sentence.
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

  // Nobody answered, or only something in front of us, or the database is away.
  const isAway = (status) => status === 0 || (status >= 502 && status <= 504);
  const isPart = (text) => text.trim() !== "" && !/^\s*<!doctype/i.test(text);
  let failedPath = "";

  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status >= 400) {
      event.detail.shouldSwap = !isAway(xhr.status) && isPart(xhr.responseText);
    }
  });

  function tellProblem(xhr, path) {
    const told = xhr.status >= 400 && !isAway(xhr.status);
    if (told) {
      failedPath = path;
    } else if (path === failedPath && xhr.status !== 0) {
      document.getElementById("problem").replaceChildren();
    }
    if (told || path === failedPath) {
      document.getElementById("refused").hidden = !told || isPart(xhr.responseText);
    }
  }

  document.body.addEventListener("htmx:afterRequest", (event) => {
    const { successful, xhr, pathInfo } = event.detail;
    paceMs = successful ? PACE_MS : Math.min(paceMs * 2, PACE_MAX_MS);
    document.getElementById("connection").hidden = !isAway(xhr.status);
    tellProblem(xhr, pathInfo.requestPath.split("?")[0]);
  });
  timer = setTimeout(tick, paceMs);
})();
