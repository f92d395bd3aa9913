// The recovery dialog arrives with a part that every page loads. It is opened as a modal one: then the browser keeps
// the focus inside, Escape closes it, and the focus goes back to where it was. It begins at the heading (autofocus).
"use strict";
(() => {
  document.body.addEventListener("htmx:load", (event) => {
    const dialog = event.detail.elt;
    if (dialog.id === "recovery-dialog" && !dialog.open) {
      dialog.addEventListener("close", () => dialog.remove());
      dialog.showModal();
    }
  });
})();
