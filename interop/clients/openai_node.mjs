// openai for node, one scene per run: `node openai_node.mjs URL SCENE CLIPS KEY`. Prints what it saw.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const [url, scene, clips, key] = process.argv.slice(2);
const PATIENCE = 20_000;
const BLOCK = 4_800; // bytes of 100 ms
const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "Tell the weather in a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

// It takes every address for one of HTTPS; the certificate was made for this run, and nobody vouches for it.
const sdk = new OpenAI({ apiKey: key, baseURL: url.replace(/^ws/, "http").replace(/\/realtime$/, "") });
const connection = new OpenAIRealtimeWS({ model: "gpt-realtime", options: { rejectUnauthorized: false } }, sdk);
const heard = [];
const waiting = [];
let failed;
connection.on("error", (error) => (failed ??= error));
connection.on("event", (event) => {
  heard.push(event);
  for (const wait of waiting) wait();
});

// Wait for the first event of a type that no earlier call has returned.
async function until(type, where = () => true) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    if (failed) throw failed;
    const at = heard.findIndex((event) => event.type === type && where(event));
    if (at >= 0) return heard.splice(0, at + 1).at(-1);
    if (Date.now() > end) throw new Error(`no ${type} in ${PATIENCE} ms`);
    await Promise.race([new Promise((resolve) => waiting.push(resolve)), sleep(100)]);
    waiting.length = 0;
  }
}

async function configure(session) {
  await until("session.created");
  connection.send({ type: "session.update", session: { type: "realtime", ...session } });
  await until("session.updated");
}

function say(text) {
  const content = [{ type: "input_text", text }];
  connection.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  connection.send({ type: "response.create" });
}

async function speak(clip, faster) {
  const audio = Buffer.concat([readFileSync(`${clips}/${clip}.wav`).subarray(44), Buffer.alloc(72_000)]);
  for (let at = 0; at < audio.length; at += BLOCK) {
    connection.send({ type: "input_audio_buffer.append", audio: audio.subarray(at, at + BLOCK).toString("base64") });
    await sleep(100 / faster);
  }
}

function check(holds, seen) {
  if (!holds) throw new Error(`not so: ${JSON.stringify(seen)}`);
}

const scenes = {
  async text() {
    await configure({ output_modalities: ["text"] });
    say("Good morning.");
    const { response } = await until("response.done");
    const answer = response.output[0].content[0].text;
    check(response.status === "completed" && answer.includes("Good morning"), response);
    return `answered '${answer}'`;
  },
  async audio() {
    await configure({ audio: { input: { transcription: { model: "gpt-4o-transcribe" } } } });
    await speak("caller_hello", 10);
    const words = (await until("conversation.item.input_audio_transcription.completed")).transcript;
    const { response } = await until("response.done");
    const said = response.output[0].content[0].transcript;
    check(words.includes("weekend by the sea") && said.includes(words), [words, said]);
    return `heard '${words}', said '${said}'`;
  },
  async tool() {
    await configure({ output_modalities: ["text"], tools: [WEATHER] });
    say("What is the weather?");
    const [call] = (await until("response.done")).response.output;
    check(call.name === "get_weather", call);
    const output = { type: "function_call_output", call_id: call.call_id, output: "sunny, 21 degrees" };
    connection.send({ type: "conversation.item.create", item: output });
    connection.send({ type: "response.create" });
    const answer = (await until("response.done")).response.output[0].content[0].text;
    check(answer.includes("21"), answer);
    return `called with ${call.arguments}, answered '${answer}'`;
  },
  async interruption() {
    await configure({});
    say("Tell me a long story.");
    await until("response.output_audio.delta");
    await speak("caller_stop", 10);
    await until("input_audio_buffer.speech_started");
    const { response } = await until("response.done");
    check(response.status === "cancelled" && response.status_details.reason === "turn_detected", response);
    const item_id = response.output[0].id;
    connection.send({ type: "conversation.item.truncate", item_id, content_index: 0, audio_end_ms: 100 });
    const truncated = await until("conversation.item.truncated");
    check(truncated.item_id === item_id && truncated.audio_end_ms === 100, truncated);
    const next = (await until("response.done")).response;
    check(next.status === "completed", next);
    return `${response.status} (${response.status_details.reason}), truncated at 100 ms, then it went on`;
  },
};

const seen = await scenes[scene]();
if (failed) throw failed;
console.log(seen);
connection.close();
process.exit(0);
