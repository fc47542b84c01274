// The region: painted over the picture, white where it may change.

const INK = "#002fa7";

/** `onPainted(canvas)` after each stroke with a black and white canvas, null when nothing is left. */
function createRegion(layer, brush, onPainted) {
  const mask = document.createElement("canvas");
  const pen = mask.getContext("2d", { willReadFrequently: true });
  const shown = layer.getContext("2d");
  let erasing = false;
  let pointer = null;
  let last = null;
  let loading = 0;

  function clear() {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, mask.width, mask.height);
    shown.clearRect(0, 0, layer.width, layer.height);
  }

  /** Show what the mask holds: its white as opaque ink; the style sheet makes that see-through. */
  function show() {
    const pixels = pen.getImageData(0, 0, mask.width, mask.height);
    for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = pixels.data[at];
    shown.putImageData(pixels, 0, 0);
    shown.globalCompositeOperation = "source-in";
    shown.fillStyle = INK;
    shown.fillRect(0, 0, layer.width, layer.height);
    shown.globalCompositeOperation = "source-over";
  }

  function at(event) {
    const box = layer.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * mask.width,
      y: ((event.clientY - box.top) / box.height) * mask.height,
    };
  }

  function line(context, style, to) {
    context.strokeStyle = style;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = (Number(brush.value) / 100) * Math.max(mask.width, mask.height);
    context.beginPath();
    context.moveTo(last.x, last.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }

  function stroke(to) {
    line(pen, erasing ? "#000" : "#fff", to);
    shown.globalCompositeOperation = erasing ? "destination-out" : "source-over";
    line(shown, INK, to);
    shown.globalCompositeOperation = "source-over";
    last = to;
  }

  function isEmpty() {
    const { data } = pen.getImageData(0, 0, mask.width, mask.height);
    for (let place = 0; place < data.length; place += 4) if (data[place] > 127) return false;
    return true;
  }

  layer.addEventListener("pointerdown", (event) => {
    // A second finger draws no line across.
    if (event.button !== 0 || pointer !== null) return;
    event.preventDefault();
    pointer = event.pointerId;
    layer.setPointerCapture(pointer);
    last = at(event);
    stroke({ x: last.x + 0.01, y: last.y });
  });
  layer.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer) stroke(at(event));
  });
  const end = (event) => {
    if (event.pointerId !== pointer) return;
    pointer = last = null;
    onPainted(isEmpty() ? null : copyOf(mask));
  };
  layer.addEventListener("pointerup", end);
  layer.addEventListener("pointercancel", end);

  return {
    /** Another size of the same shape: what was painted is scaled along. */
    resize(width, height) {
      if (mask.width === width && mask.height === height) return;
      const old = copyOf(mask);
      mask.width = layer.width = width;
      mask.height = layer.height = height;
      clear();
      pen.drawImage(old, 0, 0, width, height);
      show();
    },
    /** Show the region at `address`, or none; a later call wins. */
    async load(address) {
      const mine = (loading += 1);
      if (!address) return clear();
      const image = new Image();
      image.src = address;
      await image.decode().catch(() => {});
      if (mine !== loading) return;
      clear();
      if (image.naturalWidth) pen.drawImage(image, 0, 0, mask.width, mask.height);
      show();
    },
    erase: (isErasing) => (erasing = isErasing),
  };
}

function copyOf(canvas) {
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  if (canvas.width && canvas.height) copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}
