// A pin as large as the window, and the way to the ones beside it.

/** `order()` are the ids, `pin(id)` what is known; `onClose(id)` with the one last looked at. */
function createLargeView(dialog, { order, pin, picture, onClose }) {
  const image = dialog.querySelector("img");
  let current = null;

  function show(id) {
    current = id;
    image.src = picture(id);
    image.alt = caption(pin(id));
    dialog.querySelector("p").textContent = caption(pin(id));
    const at = order().indexOf(id);
    dialog.querySelector("[data-way='-1']").disabled = at <= 0;
    dialog.querySelector("[data-way='1']").disabled = at === order().length - 1;
  }

  function step(way) {
    const next = order()[order().indexOf(current) + way];
    if (next) show(next);
  }

  dialog.addEventListener("click", (event) => {
    const way = event.target.closest("[data-way]")?.dataset.way;
    if (way && way !== "0") step(Number(way));
    else dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      step(event.key === "ArrowLeft" ? -1 : 1);
    }
    // What is behind hears nothing of it.
    event.stopPropagation();
  });
  dialog.addEventListener("close", () => {
    image.removeAttribute("src");
    onClose(current);
  });

  return {
    open(id) {
      show(id);
      dialog.showModal();
    },
  };
}
