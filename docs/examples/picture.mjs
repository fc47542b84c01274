// A picture of a prompt, saved with its request inside; then an edit of it. Node 18 or newer.
//
//     node picture.mjs http://127.0.0.1:7860
import { writeFile } from "node:fs/promises";

const url = (process.argv[2] ?? "http://127.0.0.1:7860").replace(/\/$/, "") + "/gradio_api/v1";
const token = process.env.KLEIN_TOKEN;
const headers = token ? { Authorization: `Bearer ${token}` } : {};

async function post(name, body) {
  const answer = await fetch(`${url}/${name}`, { method: "POST", headers, body });
  if (!answer.ok) throw new Error((await answer.json()).sentence);
  return answer;
}

const sun = await post("generate", JSON.stringify({ prompt: "a red sun over the sea", seed: 7 }));
const picture = await sun.blob();
await writeFile("sun.png", Buffer.from(await picture.arrayBuffer()));

const form = new FormData();
form.append("request", JSON.stringify({ prompt: "make it night", as: "jpeg" }));
form.append("image", picture, "sun.png");
const night = await post("edit", form);
await writeFile("night.jpg", Buffer.from(await night.arrayBuffer()));

const pinned = await post("pin", JSON.stringify({ frame: night.headers.get("Klein-Frame") }));
console.log("sun.png and night.jpg, pinned on", (await pinned.json()).board_title);
