// Style words: a chip puts its words at the end of the prompt, or takes them out again.

const CHIPS = ".klein-chip";

function createChips(root, prompt, maxChars) {
  const buttons = () => root.querySelectorAll(CHIPS);
  const pattern = (words) => new RegExp(`(^|,\\s*)${words}\\s*(?=,|$)`, "iu");

  function toggle(words) {
    const text = prompt.text();
    const found = pattern(words).exec(text);
    if (found) {
      // A first word takes the comma that follows it along.
      const tail = found[1] ? 0 : /^,\s*/.exec(text.slice(found[0].length))?.[0].length ?? 0;
      prompt.edit(found.index, found.index + found[0].length + tail, "");
      return;
    }
    const kept = text.trimEnd().replace(/,$/, "");
    const added = (kept ? ", " : "") + words;
    if (kept.length + added.length <= maxChars) prompt.edit(kept.length, text.length, added);
  }

  root.addEventListener("click", (event) => {
    const chip = event.target.closest?.(CHIPS);
    if (chip) toggle(chip.textContent.trim());
  });

  return {
    /** Chips whose words are in `text` are shown as pressed. */
    reflect(text) {
      for (const chip of buttons()) {
        const pressed = String(pattern(chip.textContent.trim()).test(text));
        if (chip.getAttribute("aria-pressed") !== pressed) chip.setAttribute("aria-pressed", pressed);
      }
    },
  };
}
