// The gallery: a card for each image, made once and kept, so that fields keep their focus.

const CARD = `
  <button type="button" class="klein-handle">⠿</button>
  <img class="klein-thumb" alt="" draggable="false">
  <div class="klein-card-fields">
    <p class="klein-card-head"><span class="klein-number"></span><output></output></p>
    <input class="klein-role" list="klein-role-words" placeholder="Role" maxlength="80" autocapitalize="off">
    <label class="klein-strength">Strength<input type="range" min="0" max="1" step="0.05"></label>
  </div>
  <div class="klein-card-ends">
    <button type="button" class="klein-remove">×</button>
    <button type="button" class="klein-switch" role="switch"></button>
  </div>
  <figure class="klein-source" hidden><img alt=""><figcaption></figcaption></figure>`;

/** `images` is the state; `full()` is called when one more cannot be switched on. */
function createCards(list, images, thumbnail, full) {
  const cards = new Map();

  function card(image) {
    const item = document.createElement("li");
    item.className = "klein-card";
    item.innerHTML = CARD;
    const find = (selector) => item.querySelector(selector);
    const id = image.id;
    find(".klein-thumb").src = thumbnail(image.digest);
    find(".klein-role").addEventListener("input", ({ target }) => images.role(id, target.value));
    find(".klein-strength input").addEventListener("input", ({ target }) =>
      images.strength(id, Number(target.value)),
    );
    find(".klein-switch").addEventListener("click", () => images.toggle(id) || full());
    find(".klein-remove").addEventListener("click", () => {
      const next = item.nextElementSibling ?? item.previousElementSibling;
      images.remove(id);
      next?.querySelector(".klein-handle").focus({ preventScroll: true });
    });
    const handle = find(".klein-handle");
    handle.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      images.move(id, place(id) + by);
      handle.focus();
    });
    makeDraggable(handle, item, list, (to) => images.move(id, to, `drag ${id}`));
    return item;
  }

  const place = (id) => images.all().findIndex((image) => image.id === id);

  function fill(item, image, number, place) {
    const find = (selector) => item.querySelector(selector);
    const name = image.on ? `image ${number}` : `the image at place ${place}, off`;
    item.dataset.on = image.on ? "yes" : "no";
    find(".klein-number").textContent = image.on ? name : "off";
    find(".klein-number").title = `${image.width} × ${image.height}`;
    find(".klein-handle").setAttribute("aria-label", `Move ${name}: arrow keys, or drag`);
    find(".klein-handle").title = "Drag to another place";
    find(".klein-remove").setAttribute("aria-label", `Remove ${name}`);
    find(".klein-switch").setAttribute("aria-label", `Use ${name}`);
    find(".klein-switch").setAttribute("aria-checked", String(image.on));
    find(".klein-role").setAttribute("aria-label", `Role of ${name}`);
    if (find(".klein-role").value !== image.role) find(".klein-role").value = image.role;
    const strength = find(".klein-strength input");
    strength.setAttribute("aria-label", `Strength of ${name}`);
    strength.value = image.strength;
    find("output").textContent = `${Math.round(image.strength * 100)} %`;
  }

  return {
    show(all) {
      let number = 0;
      all.forEach((image, index) => {
        if (!cards.has(image.id)) cards.set(image.id, card(image));
        const item = cards.get(image.id);
        if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
        fill(item, image, image.on ? (number += 1) : 0, index + 1);
      });
      // What an undo may bring back is made again then.
      for (const [id, item] of cards) {
        if (all.some((image) => image.id === id)) continue;
        item.remove();
        cards.delete(id);
      }
    },
    /** Under each image that is on, how much of the picture came from it; none to hide all. */
    sources(found) {
      const left = [...found];
      for (const image of images.all()) {
        const figure = cards.get(image.id).querySelector(".klein-source");
        const at = image.on ? left.findIndex(({ digest }) => digest === image.digest) : -1;
        figure.hidden = at < 0;
        if (at < 0) continue;
        const [source] = left.splice(at, 1);
        figure.querySelector("img").src = source.map;
        figure.querySelector("img").alt = "What would differ without this image";
        figure.querySelector("figcaption").textContent = `${Math.round(source.share * 100)} % of the change`;
      }
    },
  };
}

/** Pointer drag by a handle: `move(index)` whenever the card comes over another place. */
function makeDraggable(handle, item, list, move) {
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    handle.setPointerCapture(event.pointerId);
    item.classList.add("klein-dragged");
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const others = [...list.children].filter((other) => other !== item);
    const middle = (card) => card.getBoundingClientRect().top + card.offsetHeight / 2;
    const to = others.filter((card) => middle(card) < event.clientY).length;
    if (list.children[to] !== item) move(to);
    handle.setPointerCapture(event.pointerId);
  });
  const end = () => item.classList.remove("klein-dragged");
  handle.addEventListener("pointerup", end);
  handle.addEventListener("pointercancel", end);
}
