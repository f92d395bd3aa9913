// Keys of the pages that show photos. Each presses what is on the page anyway, so that nothing depends on them.
// They are silent while somebody types, with a modifier held, under an open dialog, and where a person has switched
// them off. The sheet of keys opens by its link too.
"use strict";
(() => {
  const PLACE = "stockproof-place";
  const sheet = document.getElementById("keys");
  const gallery = document.getElementById("gallery");
  const links = gallery ? Array.from(gallery.querySelectorAll(".frame-link")) : [];

  function openSheet(event) {
    event.preventDefault();
    sheet.showModal();
  }

  function isTyping(target) {
    return target.closest("input:not([type=checkbox]), textarea, select") !== null;
  }

  function frameHere() {
    return document.activeElement.closest(".frame");
  }

  // The next link to the right or left; up and down by a row, which is as wide as the window makes it.
  function neighbor(key) {
    const here = frameHere();
    if (!here) {
      return links[0];
    }
    const place = links.indexOf(here.querySelector(".frame-link"));
    const top = here.offsetTop;
    const row = links.filter((link) => link.closest(".frame").offsetTop === top).length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row };
    return links[place + steps[key]];
  }

  function move(key) {
    const link = neighbor(key);
    if (!link) {
      return false;
    }
    link.focus({ preventScroll: true });
    link.closest(".frame").scrollIntoView({ block: "nearest" });
    return true;
  }

  function press(element) {
    if (!element || element.getAttribute("aria-disabled") === "true") {
      return false;
    }
    element.click();
    return true;
  }

  function zoom() {
    const photo = document.getElementById("photo-whole");
    const spot = document.getElementById("photo-spot");
    if (!photo || !spot) {
      return false;
    }
    photo.hidden = !photo.hidden;
    spot.hidden = !photo.hidden;
    return true;
  }

  function onSheet(key) {
    const says = { a: "approved", r: "rejected", u: "withdrawn" };
    if (key.startsWith("Arrow")) {
      return move(key);
    }
    const here = frameHere();
    const button = here && says[key] && here.querySelector(`button[value^="${says[key]} "]`);
    return press(button || (key === "u" ? document.getElementById("undo") : null));
  }

  function act(key) {
    if (key === "z") {
      return zoom();
    }
    return gallery ? onSheet(key) : press(document.querySelector(`[data-key="${key}"]`));
  }

  function onKey(event) {
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if (held || event.defaultPrevented || isTyping(event.target) || document.querySelector("dialog[open]")) {
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "?") {
      openSheet(event);
    } else if (act(key)) {
      event.preventDefault();
    }
  }

  // After a verdict the page comes anew: it stands where it stood, with the same photo in focus.
  function keepPlace() {
    sessionStorage.setItem(PLACE, JSON.stringify([location.pathname, window.scrollY]));
  }

  function findPlace() {
    const [path, top] = JSON.parse(sessionStorage.getItem(PLACE) || "[null, 0]");
    sessionStorage.removeItem(PLACE);
    const link = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    if (path === location.pathname) {
      window.scrollTo(0, top);
    }
    if (link && links.includes(link)) {
      link.focus({ preventScroll: path === location.pathname });
    }
  }

  function countPicked() {
    const count = gallery.querySelectorAll(".frame-pick:checked").length;
    const words = count === 1 ? "one" : "many";
    const said = document.getElementById("picked");
    said.textContent = count ? said.dataset[words].replace("N", count) : "";
  }

  // A photo that the browser cannot fetch or show is replaced by its thumbnail.
  function fallBack(event) {
    const image = event.target;
    if (image instanceof HTMLImageElement && image.dataset.instead) {
      image.src = image.dataset.instead;
      delete image.dataset.instead;
    }
  }

  document.addEventListener("error", fallBack, true);
  document.getElementById("open-keys").addEventListener("click", openSheet);
  if (document.body.hasAttribute("data-keys")) {
    document.addEventListener("keydown", onKey);
  }
  if (gallery) {
    gallery.addEventListener("submit", keepPlace);
    if (document.getElementById("picked")) {
      gallery.addEventListener("change", countPicked);
      countPicked();
    }
    findPlace();
  }
})();
