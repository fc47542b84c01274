// What runs here and how fast: a table in the help, read anew each time it is opened.

const PARTS_OF_A_RENDER = {
  key_to_frame: "Key to picture, in the server",
  render: "Render",
  encode: "Prompt",
  images: "Images",
  denoise: "Steps",
  decode: "Decode",
};

/** `url` answers with the figures as JSON. */
function createDiagnostics(box, url) {
  const table = box.querySelector("table");
  const copy = box.querySelector("button");
  const said = box.querySelector(".klein-diagnostics-said");
  let rows = [];

  async function refresh() {
    said.textContent = "";
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(answer.statusText);
      rows = diagnosticRows(await answer.json());
    } catch {
      rows = [];
      said.textContent = "The figures cannot be read; the app may be restarting.";
    }
    table.replaceChildren(...rows.map(([name, value]) => tableRow(name, value)));
    copy.disabled = rows.length === 0;
  }

  box.addEventListener("toggle", () => {
    if (box.open) refresh();
  });
  copy.addEventListener("click", async () => {
    const text = rows.map(([name, value]) => `${name}: ${value}`).join("\n");
    said.textContent = (await copyText(text)) ? "Copied." : "Select the table and copy it.";
  });
}

function diagnosticRows({ health, model, times, counts, caches, memory, sessions, disk, versions }) {
  const timed = Object.entries(PARTS_OF_A_RENDER)
    .filter(([part]) => times[part]?.count)
    .map(([part, name]) => [`${name}, p50 / p95`, `${times[part].p50} / ${times[part].p95} ms`]);
  const kept = Object.entries(caches).map(([name, { held, most }]) => [
    `Cache of ${name}`,
    `${megabytes(held)} of ${megabytes(most)}`,
  ]);
  return [
    ["State", health.ready ? "Ready" : health.said],
    ["Model", model.name],
    ["Revision", model.revision],
    ["Device", model.device],
    ["Numbers", model.dtype],
    ["Memory plan", `${model.memory}: ${model.execution ?? "no model yet"}`],
    ...timed,
    ["Pictures", `${counts.renders}, ${counts.cache_hits} of them kept`],
    ["Superseded", counts.superseded],
    ["Failed", `${counts.failures}, for want of memory ${counts.out_of_memory}`],
    ["Engine began again", counts.restarts],
    ["Open", `${sessions.open}, waiting ${sessions.waiting}`],
    ...kept,
    ["Main memory", megabytes(memory.process)],
    ["GPU memory", memory.device === null ? null : megabytes(memory.device)],
    ["Free on the disk", disk.free === null ? null : megabytes(disk.free)],
    ["Versions", Object.entries(versions).map((pair) => pair.join(" ")).join(", ")],
  ].filter(([, value]) => value !== null && value !== "");
}

const megabytes = (bytes) => `${Math.round(bytes / 1e6).toLocaleString("en")} MB`;

function tableRow(name, value) {
  const row = document.createElement("tr");
  const head = document.createElement("th");
  const cell = document.createElement("td");
  head.scope = "row";
  head.textContent = name;
  cell.textContent = value;
  row.append(head, cell);
  return row;
}

/** Whether it could be: away from this machine browsers want https for it. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
