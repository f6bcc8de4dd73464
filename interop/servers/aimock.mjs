// A server of the protocol that others wrote: `node aimock.mjs`. Prints its address, and runs until it is stopped.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0 });
mock.on({ userMessage: "weather", hasToolResult: false }, { toolCalls: [{ name: "get_weather", arguments: '{"city": "Lisbon"}' }] });
mock.on({ userMessage: "weather", hasToolResult: true }, { content: "It is sunny, 21 degrees." });
mock.onMessage("Good morning", { content: "Good morning to you." });
mock.onMessage(/./, { content: "Hello, this is a story about a lighthouse that said hello to every ship." });
await mock.start();
console.log(`${mock.url.replace("http", "ws")}/v1/realtime`);
