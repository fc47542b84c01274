// Keys and clicks that are not typing.

/** Buttons by id; a press keeps the focus where it is, so that typing goes on. */
function onButtons(actions) {
  const find = (target) => target.closest?.("button")?.id;
  document.addEventListener("mousedown", (event) => {
    const button = event.target.closest?.("button");
    if (button && (button.id in actions || button.matches(".klein-chip"))) event.preventDefault();
  });
  document.addEventListener("click", (event) => actions[find(event.target)]?.());
}

const TIPS = {
  "klein-reroll": "Another picture of the same words (Ctrl or ⌘ with Enter)",
  "klein-copy": "Copy the picture (Ctrl or ⌘ with C while no text is selected)",
  "klein-download": "Download the picture as PNG with its prompt and settings inside",
  "klein-clear": "Empty the prompt; undo brings it back",
  "klein-keep":
    "On: the composition stays while you type. Off: after a pause, the next letter starts from a new seed.",
};

/** Tooltips, and what assistive technology should know of the buttons. */
function label() {
  for (const [id, tip] of Object.entries(TIPS)) document.getElementById(id).title = tip;
  document.getElementById("klein-reroll").setAttribute("aria-keyshortcuts", "Control+Enter Meta+Enter");
  for (const group of document.querySelectorAll("#klein-settings fieldset")) {
    const title = group.querySelector("[data-testid='block-info']");
    group.setAttribute("aria-label", title.textContent.trim());
  }
  const chips = document.getElementById("klein-chips");
  chips.setAttribute("role", "group");
  chips.setAttribute("aria-label", "Styles");
  const fold = document.getElementById("klein-fold");
  fold.setAttribute("aria-expanded", "false");
  fold.setAttribute("aria-controls", "klein-settings");
}

/** On a phone the settings are folded; the style sheet shows them always where there is room. */
function toggleSettings() {
  const fold = document.getElementById("klein-fold");
  const open = fold.getAttribute("aria-expanded") !== "true";
  fold.setAttribute("aria-expanded", String(open));
  document.getElementById("klein-settings").dataset.open = open ? "yes" : "no";
}

/** Shortcuts: a new seed, copy when no text is selected, and back to the prompt. */
function onShortcuts({ reroll, copy, focus }) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!event.repeat) reroll();
    } else if (event.key === "/" && !isField(event.target)) {
      event.preventDefault();
      focus();
    }
  });
  document.addEventListener("copy", (event) => {
    if (hasSelection(event.target)) return;
    event.preventDefault();
    copy();
  });
}

/** The help closes at Escape and at a click elsewhere. */
function closeHelp() {
  const help = document.querySelector(".klein-help");
  document.addEventListener("click", (event) => {
    if (!help.contains(event.target)) help.open = false;
  });
  help.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    help.open = false;
    help.querySelector("summary").focus();
  });
}

function isField(target) {
  return target.matches?.("input, textarea, select, [contenteditable]");
}

function hasSelection(target) {
  // Only a text area tells its selection everywhere; other fields keep their own copy.
  if (isField(target)) return !target.matches("textarea") || target.selectionStart !== target.selectionEnd;
  return !window.getSelection().isCollapsed;
}

/** The height that a phone's keyboard leaves, for the style sheet. */
function followKeyboard() {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const tell = () => {
    if (viewport.scale > 1.01) return;
    document.documentElement.style.setProperty("--visible-height", `${viewport.height}px`);
  };
  viewport.addEventListener("resize", tell);
  tell();
}
