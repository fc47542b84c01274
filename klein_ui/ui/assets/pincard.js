// One pin on the wall: a picture with a thin caption. The picture is there while it is near.

const NEAR = "800px 0px";

const caption = ({ title, prompt }) => title || prompt || "No words";
const mentions = ({ title, note, tags, prompt, role }) =>
  [title, note, prompt, role, ...tags].join("\n").toLocaleLowerCase();

/** Puts the picture into a card that comes near, and takes it out of one that is far. */
function createNearness(thumbnail) {
  return new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const frame = target.firstElementChild;
      if (!isIntersecting) frame.replaceChildren();
      else if (!frame.firstChild) frame.append(pictureOf(thumbnail(target.dataset.pin)));
    }
  }, { rootMargin: NEAR });
}

function pictureOf(source) {
  const image = document.createElement("img");
  Object.assign(image, { alt: "", draggable: false, decoding: "async", src: source });
  return image;
}

function createPinCard(pin) {
  const item = document.createElement("li");
  item.className = "klein-hung";
  item.dataset.pin = pin.id;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  item.tabIndex = -1;
  item.style.setProperty("--ratio", pin.width / pin.height);
  item.innerHTML = '<div class="klein-pin-picture"></div><p class="klein-pin-caption" dir="auto"></p>';
  return item;
}

function fillPinCard(item, pin) {
  const text = caption(pin);
  const line = item.lastElementChild;
  if (line.textContent !== text) line.textContent = text;
  item.dataset.star = pin.star ? "yes" : "no";
  item.dataset.unsaved = pin.isUnsaved ? "yes" : "no";
  const more = [pin.star && "starred", pin.role && `role ${pin.role}`, pin.isUnsaved && "not saved yet"];
  item.setAttribute("aria-label", [text, ...more].filter(Boolean).join(", "));
}
