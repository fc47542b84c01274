// The prompt box: Gradio's own textarea, listened to and edited so that undo stays the browser's.

const COUNT_FROM = 0.9;

/** `onText(text, at)` at every input event, before Gradio's own listener sees it. */
function createPrompt(root, maxChars, onText) {
  const box = () => root.querySelector(".klein-prompt textarea");
  const counter = root.querySelector(".klein-counter");

  let quiet = false;

  root.addEventListener(
    "input",
    (event) => {
      if (event.target !== box() || quiet) return;
      onText(event.target.value, event.timeStamp || performance.now());
      count(event.target.value.length);
    },
    true,
  );

  function count(length) {
    const near = length >= maxChars * COUNT_FROM;
    if (counter.hidden && !near) return;
    counter.hidden = !near;
    const full = length >= maxChars ? " The prompt is full." : "";
    counter.textContent = `${length.toLocaleString("en")} of ${maxChars.toLocaleString("en")} characters.${full}`;
  }

  /** Replace the characters from `start` to `end`, as if typed. */
  function edit(start, end, text) {
    const area = box();
    area.focus();
    area.setSelectionRange(start, end);
    const command = text ? "insertText" : "delete";
    if (document.execCommand(command, false, text)) return;
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: command }));
  }

  return {
    text: () => box()?.value ?? "",
    focus: () => box()?.focus(),
    clear() {
      edit(0, box().value.length, "");
    },
    edit,
    /** Show `text` as if it had stood there all along: nobody is told, but Gradio. */
    put(text) {
      const area = box();
      if (area.value === text) return;
      quiet = true;
      area.value = text;
      area.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertReplacementText" }));
      quiet = false;
      count(text.length);
    },
    prepare() {
      const area = box();
      area.dir = "auto";
      const sentence = root.querySelector(".klein-message-text");
      area.setAttribute("aria-describedby", `${sentence.id} ${counter.id}`);
    },
  };
}
