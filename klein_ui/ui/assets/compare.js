// What lies over the result: image 1 beside it, and the colours of what changed.

/** `layers` is the element that holds the picture; `where` gives addresses. */
function createCompare(layers, where) {
  const before = layers.querySelector(".klein-before");
  const heat = layers.querySelector(".klein-heat");
  const split = layers.querySelector(".klein-split");
  let compares = false;
  let heats = false;
  let frame = "";
  let alone = false;

  function cut() {
    const shown = alone ? 100 : Number(split.value);
    before.style.clipPath = `inset(0 ${100 - shown}% 0 0)`;
    split.style.setProperty("--split", `${shown}%`);
  }

  function show() {
    before.hidden = !(before.src && (compares || alone));
    split.hidden = !(compares && before.src && !alone);
    heat.hidden = !(heats && heat.src && !alone);
    cut();
  }

  function load(image, address) {
    if (!address) image.removeAttribute("src");
    else if (image.getAttribute("src") !== address) image.src = address;
  }

  split.addEventListener("input", cut);
  heat.addEventListener("error", () => (heat.hidden = true));

  /** A full picture is on screen, or with an empty name none any more. */
  function result(name) {
    frame = name;
    load(heat, heats && frame ? where.changes(frame) : "");
    show();
  }

  return {
    result,
    /** Image 1 at the size of the result; null when there is none. */
    original(digest, { width, height }) {
      load(before, digest && where.picture(digest, { width, height }));
      show();
    },
    /** Nothing is asked for: image 1 is what there is to see. */
    alone(isAlone) {
      alone = isAlone;
      show();
    },
    compare(isOn) {
      compares = isOn;
      show();
    },
    changes(isOn) {
      heats = isOn;
      result(frame);
    },
  };
}
