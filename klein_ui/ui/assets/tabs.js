// Gradio's tabs, watched and pressed.

const TABS = "#klein-tabs [role='tab']";

/** `onChange()` after a tab was chosen. */
function onTabs(onChange) {
  for (const kind of ["click", "keyup"]) {
    document.addEventListener(kind, ({ target }) => {
      // Gradio shows the tab after its own listener ran.
      if (target.closest?.(TABS)) requestAnimationFrame(onChange);
    });
  }
}

/** Bring the tab called `name` to the front. */
function openTab(name) {
  [...document.querySelectorAll(TABS)].find((tab) => tab.textContent.trim() === name)?.click();
}

/** Call `returned()` when somebody comes back to the page from elsewhere. */
function onReturn(returned) {
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && returned());
  window.addEventListener("focus", returned);
}
