// A button and the menu it opens: with the pointer, a finger, or the keys.

/** `does` are actions by the items' `data-do`. */
function createMenu(button, menu, does) {
  const items = [...menu.querySelectorAll("[role='menuitem']")];

  function open(isOpen) {
    menu.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
  }

  function leave() {
    open(false);
    button.focus({ preventScroll: true });
  }

  function step(by) {
    const at = items.indexOf(document.activeElement);
    items.at(at < 0 && by < 0 ? -1 : (at + by) % items.length).focus();
  }

  // A press leaves the caret in the prompt, so that typing goes on.
  button.addEventListener("mousedown", (event) => event.preventDefault());
  menu.addEventListener("mousedown", (event) => event.preventDefault());
  button.addEventListener("click", (event) => {
    open(menu.hidden);
    // By a key, not the pointer.
    if (!menu.hidden && event.detail === 0) items[0].focus();
  });
  menu.addEventListener("click", (event) => {
    const item = event.target.closest("[data-do]");
    if (!item) return;
    if (menu.contains(document.activeElement)) leave();
    else open(false);
    does[item.dataset.do]();
  });
  for (const part of [button, menu]) {
    part.addEventListener("keydown", (event) => {
      const ways = { ArrowDown: () => step(1), ArrowUp: () => step(-1), Home: () => items[0].focus(), End: () => items.at(-1).focus() };
      if (event.key === "Tab") return open(false);
      if (ways[event.key] && !(menu.hidden && part === button && event.key !== "ArrowDown")) {
        open(true);
        ways[event.key]();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }
  // Wherever the focus is: a menu opened by a press left it where it was.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || menu.hidden) return;
    event.preventDefault();
    event.stopPropagation();
    if (menu.contains(document.activeElement)) leave();
    else open(false);
  }, true);
  document.addEventListener("pointerdown", ({ target }) => {
    if (!menu.hidden && !menu.contains(target) && !button.contains(target)) open(false);
  });
}
