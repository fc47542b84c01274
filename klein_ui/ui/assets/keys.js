// Keys and clicks that are not typing.

/** Buttons of a desk by part; a press keeps the focus where it is, so that typing goes on. */
function onButtons(root, actions) {
  const part = (target) => {
    const button = target.closest?.("button");
    return Object.keys(actions).find((name) => button?.classList.contains(`klein-${name}`));
  };
  root.addEventListener("mousedown", (event) => {
    if (part(event.target) || event.target.closest?.(".klein-chip")) event.preventDefault();
  });
  root.addEventListener("click", (event) => actions[part(event.target)]?.());
}

const TIPS = {
  reroll: "Another picture of the same words (Ctrl or ⌘ with Enter)",
  pin: "Keep the picture on the Moodboard (Ctrl or ⌘ with S)",
  copy: "Copy the picture (Ctrl or ⌘ with C while no text is selected)",
  download: "Download the picture as PNG with its prompt and settings inside",
  more: "Other formats, a link, and opening what was saved",
  clear: "Empty the prompt; undo brings it back",
  keep: "On: the composition stays while you type. Off: after a pause, the next letter starts from a new seed.",
};

/** What only some desks have. */
const MORE_TIPS = {
  earlier: "The moment before (Alt with ←)",
  later: "The moment after (Alt with →)",
  variations: "Four seeds of the same words beside each other; choose one with a click, or Alt with 1 to 4",
  play: "Play how it came to be, from the marked moment",
  clip: "Save how this picture came to be as an animated WebP",
  gif: "The same as a GIF, which plays everywhere",
  "edit-this": "Take this picture to the Edit tab as image 1",
  "use-result": "The result becomes image 1; Undo takes it back",
  small: "On: while you type the model sees the images small, which is faster. The full picture sees them whole.",
};

/** Tooltips, and what assistive technology should know of the buttons. */
function label(root) {
  const find = (part) => root.querySelector(`.klein-${part}`);
  for (const [part, tip] of Object.entries({ ...TIPS, ...MORE_TIPS })) {
    if (find(part)) find(part).title = tip;
  }
  find("reroll").setAttribute("aria-keyshortcuts", "Control+Enter Meta+Enter");
  for (const group of root.querySelectorAll(".klein-settings fieldset")) {
    const title = group.querySelector("[data-testid='block-info']");
    group.setAttribute("aria-label", title.textContent.trim());
  }
  find("pin").setAttribute("aria-keyshortcuts", "Control+S Meta+S");
  find("chips")?.setAttribute("role", "group");
  find("chips")?.setAttribute("aria-label", "Styles");
  const fold = find("fold");
  fold.setAttribute("aria-expanded", "false");
  fold.setAttribute("aria-controls", find("settings").id);
}

/** On a phone the settings are folded; the style sheet shows them always where there is room. */
function toggleSettings(root) {
  const fold = root.querySelector(".klein-fold");
  const open = fold.getAttribute("aria-expanded") !== "true";
  fold.setAttribute("aria-expanded", String(open));
  root.querySelector(".klein-settings").dataset.open = open ? "yes" : "no";
}

const WAYS = { ArrowLeft: -1, ArrowRight: 1 };

/** On a Mac these keys go from word to word in a text. */
const movesByWord = (target) => /Mac|iPhone|iPad/.test(navigator.platform) && isField(target);

/** Shortcuts of the desk in front: a new seed, copy when no text is selected, pin, undo, the prompt. */
function onShortcuts(desk) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || !desk()) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && command) {
      event.preventDefault();
      if (!event.repeat) desk().reroll();
    } else if (event.key.toLowerCase() === "s" && command && !event.shiftKey && !event.altKey) {
      // Elsewhere the browser would save the page.
      event.preventDefault();
      if (!event.repeat) desk().pin();
    } else if (event.altKey && !command && !event.shiftKey && WAYS[event.key] && !movesByWord(event.target)) {
      // Elsewhere the browser would leave the page.
      event.preventDefault();
      desk().travel?.(WAYS[event.key]);
    } else if (event.key === "z" && command && !event.shiftKey && !isField(event.target)) {
      event.preventDefault();
      desk().undo?.();
    } else if (/^Digit[1-4]$/.test(event.code) && !command && (event.altKey || !isField(event.target))) {
      if (desk().pick?.(Number(event.code.at(-1)))) event.preventDefault();
    } else if (event.key === "Escape" && !event.defaultPrevented && !isField(event.target) && !event.target.closest?.("dialog, .klein-help")) {
      desk().unpick?.();
    } else if (event.key === "/" && !command && !isField(event.target)) {
      event.preventDefault();
      desk().focus();
    }
  });
  document.addEventListener("copy", (event) => {
    if (!desk() || hasSelection(event.target)) return;
    event.preventDefault();
    desk().copy();
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

/** Whether keys typed there mean text: a slider or a checkbox has no undo of its own. */
function isField(target) {
  const text = "textarea, select, [contenteditable], input:not([type='range'], [type='checkbox'], [type='radio'])";
  return target.matches?.(text);
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
