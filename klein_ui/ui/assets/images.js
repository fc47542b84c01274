// The images of the Edit tab and the region: what they are, every change, and the way back.

const MOST_UNDO = 64;
const MOST_IMAGES = 24;

/**
 * An image is `{id, digest, width, height, on, role, strength, madeBy}`; a state `{images, region}`.
 * States are never changed, only replaced, so that undo is a step back. `limit()` is how many
 * may be on at once. `onChange(state)`.
 */
function createImages(limit, onChange) {
  let state = { images: [], region: null };
  let past = [];
  let lastKey = null;
  let nextId = 1;

  /** `key` names a control being moved: its many small changes are one step for undo. */
  function put(next, key = null) {
    if (key === null || key !== lastKey) past = [...past.slice(-MOST_UNDO), state];
    lastKey = key;
    state = { ...state, ...next };
    onChange(state);
  }

  const on = () => state.images.filter((image) => image.on);
  const first = () => on()[0] ?? null;
  const find = (id) => state.images.find((image) => image.id === id);

  /** The region belongs to image 1 and goes with it. */
  function putImages(images, key) {
    const before = first()?.digest;
    const after = images.find((image) => image.on)?.digest;
    put({ images, region: before === after ? state.region : null }, key);
  }

  function change(id, fields, key) {
    putImages(state.images.map((image) => (image.id === id ? { ...image, ...fields } : image)), key);
  }

  const made = (picture, isOn) => ({
    id: nextId++,
    digest: picture.digest,
    width: picture.width,
    height: picture.height,
    madeBy: picture.made_by ?? "",
    role: picture.role ?? "",
    strength: picture.strength ?? 1,
    on: picture.on ?? isOn,
  });

  return {
    on,
    first,
    all: () => state.images,
    region: () => state.region,
    isFull: () => state.images.length >= MOST_IMAGES,
    canUndo: () => past.length > 0,
    /** Put `picture` at the end; false when it came switched off since enough are on. */
    add(picture) {
      const room = on().length < limit();
      putImages([...state.images, made(picture, room)]);
      return room;
    },
    /** `picture` takes the place of the image `id`, else of image 1, or is the first. */
    replace(id, picture) {
      const old = find(id) ?? first();
      const image = made(picture, true);
      if (old) putImages(state.images.map((other) => (other === old ? image : other)));
      else putImages([image, ...state.images]);
      return old !== null;
    },
    /** Switch an image on or off; false when enough are on already. */
    toggle(id) {
      const { on: isOn } = find(id);
      if (!isOn && on().length >= limit()) return false;
      change(id, { on: !isOn });
      return true;
    },
    remove: (id) => putImages(state.images.filter((image) => image.id !== id)),
    move(id, to, key = null) {
      const others = state.images.filter((image) => image.id !== id);
      const place = Math.max(0, Math.min(to, others.length));
      if (state.images[place]?.id === id) return;
      putImages([...others.slice(0, place), find(id), ...others.slice(place)], key);
    },
    role: (id, role) => change(id, { role }, `role ${id}`),
    strength: (id, strength) => change(id, { strength }, `strength ${id}`),
    /** The digest of the region's mask, or null for the whole picture. */
    mark(region) {
      if (region !== state.region) put({ region });
    },
    /** A control was let go: what it changes next is another step. */
    rest: () => (lastKey = null),
    undo() {
      if (past.length === 0) return false;
      state = past.at(-1);
      past = past.slice(0, -1);
      lastKey = null;
      onChange(state);
      return true;
    },
    /** `pictures` take the place of all, with a region or null. */
    take(pictures, region) {
      put({ images: pictures.map((picture) => made(picture, true)), region });
    },
    /** Images of an earlier visit, without a step for undo. */
    restore(pictures) {
      state = { images: pictures.slice(0, MOST_IMAGES).map((picture) => made(picture, true)), region: null };
      onChange(state);
    },
  };
}
