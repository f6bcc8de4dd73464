// @openai/agents-realtime, one scene per run: `node agents_node.mjs URL SCENE CLIPS KEY`. Prints what it saw.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { z } from "zod";

const [url, scene, clips, key] = process.argv.slice(2);
const PATIENCE = 20_000;
const BLOCK = 4_800; // bytes of 100 ms
const asked = [];

const getWeather = tool({
  name: "get_weather",
  description: "Tell the weather in a city.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => {
    asked.push(city);
    return "sunny, 21 degrees";
  },
});
const agent = new RealtimeAgent({ name: "shop", instructions: "You answer the phone.", tools: [getWeather] });
const transport = new OpenAIRealtimeWebSocket({ url, useInsecureApiKey: true });
const session = new RealtimeSession(agent, {
  transport,
  model: "gpt-realtime",
  config: { audio: { input: { transcription: { model: "gpt-4o-transcribe" } } } },
});
let failed;
session.on("error", (error) => (failed = error));

function until(emitter, name, where = () => true) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${name} in ${PATIENCE} ms`)), PATIENCE);
    const heard = (event, ...more) => {
      if (!where(event, ...more)) return;
      clearTimeout(late);
      emitter.off(name, heard);
      resolve(event);
    };
    emitter.on(name, heard);
  });
}
const frame = (type) => until(transport, "*", (event) => event.type === type);

async function speak(clip, faster = 1) {
  const audio = Buffer.concat([readFileSync(`${clips}/${clip}.wav`).subarray(44), Buffer.alloc(72_000)]);
  for (let at = 0; at < audio.length; at += BLOCK) {
    const block = audio.subarray(at, at + BLOCK);
    session.sendAudio(block.buffer.slice(block.byteOffset, block.byteOffset + block.length));
    await sleep(100 / faster);
  }
}
const words = (done) =>
  done.response.output
    .flatMap((item) => item.content ?? [])
    .map((part) => part.transcript ?? part.text)
    .join(" ");

const saying = () =>
  until(transport, "*", (event) => event.type === "response.done" && event.response.status === "completed" && words(event));

function check(holds, seen) {
  if (!holds) throw new Error(`not so: ${JSON.stringify(seen)}`);
}

const scenes = {
  async text() {
    const done = frame("response.done");
    session.sendMessage("Good morning");
    const answer = words(await done);
    check(answer.includes("Good morning"), answer);
    return `answered '${answer}'`;
  },
  async audio() {
    const heard = frame("conversation.item.input_audio_transcription.completed");
    const done = frame("response.done");
    await speak("caller_hello", 10);
    const [{ transcript }, answer] = [await heard, words(await done)];
    check(transcript.includes("weekend by the sea") && answer.includes(transcript), [transcript, answer]);
    return `heard '${transcript}', said '${answer}'`;
  },
  async tool() {
    const ended = until(session, "agent_tool_end");
    const done = saying(); // not the response that calls, which says nothing
    session.sendMessage("What is the weather?");
    await ended;
    const answer = words(await done);
    check(asked.length === 1 && answer.includes("21"), [asked, answer]);
    return `called with '${asked[0]}', said '${answer}'`;
  },
  async interruption() {
    const speech = until(transport, "audio");
    session.sendMessage("Tell me a long story");
    await speech;
    await sleep(500); // something has to be heard before it can be cut
    const interrupted = until(session, "audio_interrupted");
    const truncated = frame("conversation.item.truncated");
    const done = saying();
    await speak("caller_stop", 2);
    await interrupted;
    const cut = (await truncated).audio_end_ms;
    check(cut > 0 && cut < 10_000, cut);
    return `truncated at ${cut} ms, then it said '${words(await done)}'`;
  },
};

await session.connect({ apiKey: key });
const seen = await scenes[scene]();
if (failed) throw new Error(`an error: ${JSON.stringify(failed)}`);
console.log(seen);
session.close();
process.exit(0);
