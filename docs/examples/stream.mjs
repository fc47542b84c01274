// Frames as they come: drafts, then the full picture. Node 18 or newer; in a page it is the same.
//
//     node stream.mjs http://127.0.0.1:7860
import { writeFile } from "node:fs/promises";

const url = (process.argv[2] ?? "http://127.0.0.1:7860").replace(/\/$/, "") + "/gradio_api/v1";
const token = process.env.KLEIN_TOKEN;
const headers = token ? { Authorization: `Bearer ${token}` } : {};

async function* lines(name, fields) {
  const body = JSON.stringify(fields);
  const answer = await fetch(`${url}/${name}`, { method: "POST", headers, body });
  if (!answer.ok) throw new Error((await answer.json()).sentence);
  let text = "";
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n");
    text = parts.pop();
    yield* parts.map((line) => JSON.parse(line));
  }
}

for await (const line of lines("stream", { prompt: "a red sun over the sea" })) {
  if (line.type === "error") throw new Error(line.sentence);
  if (line.type !== "frame") continue;
  console.log(line.stage, line.width, "×", line.height);
  await writeFile("newest.jpg", Buffer.from(line.data, "base64"));
}
