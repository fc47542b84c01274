// The region: painted over the picture, white where it may change.

const FILL = "rgba(0, 47, 167, 0.45)";

/** `onPainted(canvas)` after each stroke with a black and white canvas, null when nothing is left. */
function createRegion(layer, brush, onPainted) {
  const mask = document.createElement("canvas");
  const pen = mask.getContext("2d", { willReadFrequently: true });
  const shown = layer.getContext("2d");
  let erasing = false;
  let last = null;

  function show() {
    shown.clearRect(0, 0, layer.width, layer.height);
    shown.fillStyle = FILL;
    shown.fillRect(0, 0, layer.width, layer.height);
    shown.globalCompositeOperation = "destination-in";
    shown.drawImage(alpha(), 0, 0);
    shown.globalCompositeOperation = "source-over";
  }

  /** The white of the mask as opacity. */
  function alpha() {
    const pixels = pen.getImageData(0, 0, mask.width, mask.height);
    for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = pixels.data[at];
    const other = document.createElement("canvas");
    other.width = mask.width;
    other.height = mask.height;
    other.getContext("2d").putImageData(pixels, 0, 0);
    return other;
  }

  function at(event) {
    const box = layer.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * mask.width,
      y: ((event.clientY - box.top) / box.height) * mask.height,
    };
  }

  function stroke(to) {
    pen.strokeStyle = erasing ? "#000" : "#fff";
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = (Number(brush.value) / 100) * Math.max(mask.width, mask.height);
    pen.beginPath();
    pen.moveTo(last.x, last.y);
    pen.lineTo(to.x, to.y);
    pen.stroke();
    last = to;
    show();
  }

  function isEmpty() {
    const { data } = pen.getImageData(0, 0, mask.width, mask.height);
    for (let place = 0; place < data.length; place += 4) if (data[place] > 127) return false;
    return true;
  }

  layer.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    layer.setPointerCapture(event.pointerId);
    last = at(event);
    stroke({ x: last.x + 0.01, y: last.y });
  });
  layer.addEventListener("pointermove", (event) => {
    if (last) stroke(at(event));
  });
  const end = () => {
    if (!last) return;
    last = null;
    onPainted(isEmpty() ? null : copyOf(mask));
  };
  layer.addEventListener("pointerup", end);
  layer.addEventListener("pointercancel", end);

  return {
    /** Another size; what was painted is scaled along. */
    resize(width, height) {
      if (mask.width === width && mask.height === height) return;
      const old = copyOf(mask);
      mask.width = layer.width = width;
      mask.height = layer.height = height;
      pen.fillRect(0, 0, width, height);
      pen.drawImage(old, 0, 0, width, height);
      show();
    },
    /** Show the region that a state holds. */
    load(drawing) {
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, mask.width, mask.height);
      if (drawing) pen.drawImage(drawing, 0, 0, mask.width, mask.height);
      show();
    },
    erase: (isErasing) => (erasing = isErasing),
  };
}

function copyOf(canvas) {
  const copy = document.createElement("canvas");
  copy.width = canvas.width;
  copy.height = canvas.height;
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}
