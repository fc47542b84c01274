// What lies over the result: image 1 beside it, and the colours of what changed.

const NO_CHANGES = "What changed cannot be shown of this picture; type on, then try again.";

/** `layers` is the element that holds the picture; `where` gives addresses; `say(sentence)`. */
function createCompare(layers, where, say) {
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
    before.hidden = !(before.hasAttribute("src") && (compares || alone));
    split.hidden = !(compares && before.hasAttribute("src") && !alone);
    heat.hidden = !heat.hasAttribute("src");
    cut();
  }

  function load(image, address) {
    if (!address) image.removeAttribute("src");
    else if (image.getAttribute("src") !== address) image.src = address;
  }

  /** A full picture that was made of images is on screen, or with an empty name none any more. */
  function result(name) {
    frame = name;
    load(heat, heats && frame ? where.changes(frame) : "");
    show();
  }

  split.addEventListener("input", cut);
  heat.addEventListener("error", () => {
    result("");
    say(NO_CHANGES);
  });

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
