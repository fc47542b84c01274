// Draws frames: never an older one, never half a one.

const RANK = { preview: 0, draft: 1, final: 2 };
const rank = ({ stage, fine }) => (fine ? 3 : RANK[stage]);

/** The picture in `bytes`, ready to draw: 4 ms quicker by the decoder that only some pages have. */
async function decoded(bytes, type) {
  if (!window.ImageDecoder) return createImageBitmap(new Blob([bytes], { type }));
  const decoder = new ImageDecoder({ data: bytes, type });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
}

/** `onPainted(header, t)` is called right after the animation frame that follows a drawing. */
function createStage(canvas, onPainted) {
  const context = canvas.getContext("2d", { alpha: false });
  let shown = { seq: -1, stage: "preview" };
  let floor = 0;
  let drawn = null;

  function isNews(header) {
    if (header.seq < floor) return false;
    return header.seq > shown.seq || (header.seq === shown.seq && rank(header) > rank(shown));
  }

  async function show(header, picture) {
    if (!isNews(header)) return;
    const bitmap = await decoded(picture, header.mime);
    // Decoding may end out of order, so the question is asked again.
    if (isNews(header)) draw(header, bitmap);
    bitmap.close();
  }

  function draw(header, bitmap) {
    if (canvas.width !== header.width) canvas.width = header.width;
    if (canvas.height !== header.height) canvas.height = header.height;
    context.drawImage(bitmap, 0, 0);
    const isFiner = header.seq === shown.seq && header.stage === shown.stage;
    shown = header;
    // The same picture in full colour is no new one.
    if (isFiner) return;
    canvas.dataset.seq = header.seq;
    canvas.dataset.stage = header.stage;
    // After the picture's own frame, so that no text is laid out before it is on screen.
    if (drawn === null) requestAnimationFrame(() => setTimeout(painted));
    drawn = header;
  }

  function painted() {
    const header = drawn;
    drawn = null;
    onPainted(header, performance.now());
  }

  return {
    show,
    /** Draw what lies ready, as the picture of `header`: no frame of an older one comes over it. */
    put(header, image) {
      floor = header.seq;
      if (canvas.width !== header.width) canvas.width = header.width;
      if (canvas.height !== header.height) canvas.height = header.height;
      context.drawImage(image, 0, 0, header.width, header.height);
      shown = header;
      canvas.dataset.seq = header.seq;
      canvas.dataset.stage = header.stage;
    },
    /** The picture on screen can be fetched under `frame`. */
    named(seq, frame) {
      if (shown.seq === seq) shown = { ...shown, frame };
    },
    /** Show nothing older than `seq`: the prompt was emptied. */
    ignoreBefore(seq) {
      floor = seq;
    },
    /** The frame on screen, null when there is none to copy. */
    current: () => (shown.seq >= floor && shown.seq >= 0 ? shown : null),
  };
}
