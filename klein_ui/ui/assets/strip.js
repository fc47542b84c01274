// The strip: a row of thumbnails, one of them marked; by mouse, finger and arrow keys.

const EDGE_PX = 36;
const EDGE_SPEED_PX = 14;

/**
 * `list` is the scrolling element. `on.look(index)` when another thumbnail is gone to, `on.stop()`
 * when the hand rests, `on.type()` when a letter is typed there, `on.start()` when the oldest one comes into sight.
 */
function createStrip(list, on) {
  const items = [];
  let current = -1;
  let pitch = 0;
  let held = null;
  let resting = 0;

  /** All are of one width, so that none but the first is measured. */
  const width = () => (pitch ||= items.length > 1 ? items[1].offsetLeft - items[0].offsetLeft : 0) || 1;
  const clamp = (index) => Math.max(0, Math.min(index, items.length - 1));

  function item(id, source, title) {
    const part = document.createElement("div");
    part.className = "klein-moment";
    part.id = `klein-moment-${id}`;
    part.setAttribute("role", "option");
    part.setAttribute("aria-selected", "false");
    const image = document.createElement("img");
    image.alt = "";
    image.loading = "lazy";
    image.decoding = "async";
    image.draggable = false;
    if (source) image.src = source;
    part.append(image);
    part.title = title;
    part.setAttribute("aria-label", title);
    return part;
  }

  function mark(index) {
    items[current]?.setAttribute("aria-selected", "false");
    current = index;
    items[current]?.setAttribute("aria-selected", "true");
    if (items[current]) list.setAttribute("aria-activedescendant", items[current].id);
    else list.removeAttribute("aria-activedescendant");
  }

  function reveal(index) {
    const middle = width() * (index + 0.5) - list.clientWidth / 2;
    list.scrollLeft = Math.max(0, middle);
  }

  function go(index) {
    const to = clamp(index);
    if (to === current || items.length === 0) return;
    mark(to);
    on.look(to);
  }

  function rest(afterMs) {
    clearTimeout(resting);
    resting = setTimeout(on.stop, afterMs);
  }

  const under = (x) => clamp(Math.floor((x - list.getBoundingClientRect().left + list.scrollLeft) / width()));

  function drag() {
    if (!held) return;
    const { left, right } = list.getBoundingClientRect();
    const from = Math.min(EDGE_PX, (right - left) / 6);
    const by = held.moved ? (held.x > right - from) - (held.x < left + from) : 0;
    if (by) {
      list.scrollLeft += by * EDGE_SPEED_PX;
      go(under(held.x));
    }
    requestAnimationFrame(drag);
  }

  list.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || items.length === 0) return;
    clearTimeout(resting);
    list.setPointerCapture(event.pointerId);
    held = { x: event.clientX, from: event.clientX, moved: false };
    go(under(event.clientX));
    requestAnimationFrame(drag);
  });
  list.addEventListener("pointermove", (event) => {
    if (!held) return;
    held.x = event.clientX;
    held.moved ||= Math.abs(held.x - held.from) > 4;
    go(under(event.clientX));
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    list.addEventListener(kind, () => {
      if (held) on.stop();
      held = null;
    });
  }

  const STEPS = { ArrowLeft: () => (current < 0 ? items.length : current) - 1, ArrowRight: () => current + 1, Home: () => 0, End: () => items.length - 1 };
  list.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key.length === 1) on.type();
    if (!STEPS[event.key]) return;
    event.preventDefault();
    go(STEPS[event.key]());
    reveal(current);
    rest(160);
  });
  window.addEventListener("resize", () => (pitch = 0));
  list.addEventListener("scroll", () => list.scrollLeft < width() * 4 && on.start(), { passive: true });

  return {
    /** Put a thumbnail at the right; in sight, unless somebody looks elsewhere. */
    append(id, source, title, follows) {
      items.push(item(id, source, title));
      list.append(items.at(-1));
      if (follows) list.scrollLeft = list.scrollWidth;
    },
    /** Put older ones, `[id, source, title]` each, at the left; what is in sight stays there. */
    prepend(older) {
      const parts = older.map((one) => item(...one));
      const left = list.scrollLeft;
      items.unshift(...parts);
      list.prepend(...parts);
      if (current >= 0) current += parts.length;
      list.scrollLeft = left + parts.length * width();
    },
    /** Take the oldest ones away; what is in sight stays there. */
    shorten(count) {
      const left = list.scrollLeft;
      for (const part of items.splice(0, count)) part.remove();
      current = current < count ? -1 : current - count;
      list.scrollLeft = left - count * width();
    },
    picture(index, source) {
      if (items[index]) items[index].firstChild.src = source;
    },
    /** What is drawn of it at once, while its picture is on its way; null where nothing is. */
    thumbnail(index) {
      const image = items[index]?.firstChild;
      return image?.complete && image.naturalWidth ? image : null;
    },
    mark,
    reveal,
    end: () => (list.scrollLeft = list.scrollWidth),
  };
}
