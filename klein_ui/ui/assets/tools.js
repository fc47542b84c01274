// The buttons under the instruction: those that stay pressed, and those that only act.

/** `use(tool, isOn)` at a press; where it answers false the button does not stay pressed. */
function createTools(bar, use) {
  const button = (tool) => bar.querySelector(`[data-tool="${tool}"]`);
  const isOn = (tool) => button(tool).getAttribute("aria-pressed") === "true";
  const press = (tool, pressed) => button(tool).setAttribute("aria-pressed", String(pressed));
  const line = bar.querySelector(".klein-tool-line");

  bar.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-tool]");
    if (!pressed) return;
    const { tool } = pressed.dataset;
    if (!pressed.hasAttribute("aria-pressed")) return use(tool, false);
    press(tool, !isOn(tool));
    if (use(tool, isOn(tool)) === false) press(tool, false);
  });

  return {
    isOn,
    /** Let a button go, as if it had been pressed once more. */
    release(tool) {
      if (!isOn(tool)) return;
      press(tool, false);
      use(tool, false);
    },
    /** Press a button, or let it go. */
    press(tool) {
      button(tool).click();
    },
    /** Show that there is something behind a button. */
    mark: (tool, isThere) => (button(tool).dataset.active = isThere ? "yes" : "no"),
    /** One line on what is switched on. */
    say(sentence) {
      line.hidden = sentence === "";
      line.textContent = sentence;
    },
  };
}
