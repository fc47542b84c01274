// Exports that come back: dropped or chosen files whose requests are opened.

const REQUEST_CHUNKS = ["klein-live", "klein-live-board"];
const MOST_CHUNKS = 64;
const ALWAYS = /\.(zip|json|pdf)$/i;
const LOSSY = /\.(jpe?g|webp)$/i;
const OFFER = `<span></span><button type="button" data-do="open">Open its request</button>
  <button type="button" data-do="close" aria-label="Dismiss">×</button>`;

/**
 * `on.open(request, notes)` takes a request over, `on.board(board)` shows a new one, `on.add(files)`
 * adds images, `on.say(sentences, isTrouble)` tells.
 */
function createImport(where, on) {
  /** Open what holds requests, and add the rest as images. `isImageFirst`: a PNG is an image there. */
  async function take(files, isImageFirst) {
    const { pair, opened, images } = await sorted(files);
    const added = [...images, ...(isImageFirst ? opened.filter(isPNG) : [])];
    const wanted = isImageFirst ? opened.filter((file) => !isPNG(file)) : opened;
    if (added.length) on.add(added);
    if (isImageFirst && opened.some(isPNG)) offer(opened.find(isPNG));
    if (pair) return open(formOf(pair));
    if (wanted.length > 1) on.say(["Only the first file is opened; open the others one by one."], true);
    if (wanted.length) await open(wanted[0]);
  }

  async function open(body) {
    on.say(["Opening…"], false);
    try {
      const response = await asked(`${where.open}?board=1`, { method: "POST", body });
      told(await response.json());
    } catch (error) {
      on.say([error instanceof Refused ? error.message : NOT_SAVED], true);
    }
  }

  function told({ requests, notes, board, is_board: isBoard }) {
    if (board) {
      const pins = board.pins === 1 ? "1 pin" : `${board.pins} pins`;
      on.say([`“${board.title}” is a new board with ${pins}.`, ...notes], notes.length > 0);
      on.board?.(board);
    } else if (requests.length) {
      const more = isBoard && requests.length > 1 ? ["The first of its requests is open; open its ZIP or sheet for all."] : [];
      on.open(requests[0], [...requests[0].notes, ...more]);
    }
  }

  /** The file is in use as an image; its request can be had as well. */
  function offer(file) {
    document.querySelector(".klein-offer")?.remove();
    const line = document.createElement("p");
    line.className = "klein-offer";
    line.setAttribute("role", "status");
    line.innerHTML = OFFER;
    line.firstChild.textContent = "This image holds the request that made it.";
    line.addEventListener("click", ({ target }) => {
      const does = target.dataset.do;
      if (!does) return;
      line.remove();
      if (does === "open") open(file);
    });
    document.getElementById("klein").append(line);
    setTimeout(() => line.remove(), 20_000);
  }

  return {
    take,
    choose() {
      const chooser = document.createElement("input");
      chooser.type = "file";
      chooser.multiple = true;
      chooser.accept = ".png,.jpg,.jpeg,.webp,.json,.zip";
      chooser.addEventListener("change", () => take([...chooser.files], false));
      chooser.click();
    },
    /** What a link asked for. */
    async link(query) {
      try {
        const { requests, notes } = await (await asked(`${where.open}${query}`)).json();
        on.open(requests[0], notes);
      } catch (error) {
        on.say([error instanceof Refused ? error.message : NOT_SAVED], true);
      }
    },
  };
}

const isPNG = (file) => /\.png$/i.test(file.name) || file.type === "image/png";

/** Files that hold requests, a lossy picture with its JSON, and images. */
async function sorted(files) {
  const json = files.filter(({ name }) => /\.json$/i.test(name));
  const lossy = files.filter(({ name }) => LOSSY.test(name));
  if (json.length === 1 && lossy.length === 1) {
    const rest = files.filter((file) => file !== json[0] && file !== lossy[0]);
    return { ...(await sorted(rest)), pair: [lossy[0], json[0]] };
  }
  const opened = [];
  const images = [];
  for (const file of files) (ALWAYS.test(file.name) || (await holdsRequest(file)) ? opened : images).push(file);
  return { pair: null, opened, images };
}

function formOf([picture, sidecar]) {
  const form = new FormData();
  form.append("picture", picture);
  form.append("sidecar", sidecar);
  return form;
}

/** Whether a PNG has a text chunk of ours: the server reads it, and believes nothing of it. */
async function holdsRequest(file) {
  const bytes = async (from, to) => new DataView(await file.slice(from, to).arrayBuffer());
  const word = (view, at, length) => String.fromCharCode(...new Uint8Array(view.buffer, at, Math.max(0, length)));
  const start = await bytes(0, 8);
  if (start.byteLength < 8 || word(start, 1, 3) !== "PNG") return false;
  let at = 8;
  for (let chunk = 0; chunk < MOST_CHUNKS; chunk += 1) {
    const head = await bytes(at, at + 28);
    if (head.byteLength < 12) return false;
    const kind = word(head, 4, 4);
    const key = word(head, 8, head.byteLength - 8).split("\0")[0];
    if (["tEXt", "zTXt", "iTXt"].includes(kind) && REQUEST_CHUNKS.includes(key)) return true;
    at += 12 + head.getUint32(0);
  }
  return false;
}
