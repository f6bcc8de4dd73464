// The measured process for @openai/agents-realtime: the same jobs, the same figures, in node.
import { OpenAIRealtimeWebSocket } from '@openai/agents-realtime';

const job = JSON.parse(process.argv[2]);
const url = `${job.tls ? 'wss' : 'ws'}://localhost:${job.port}/v1/realtime?model=gpt-realtime`;
const wanted = { transcript: 'audio_transcript_delta', response: 'turn_done' }[job.frame] ?? 'audio';

function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function opened() {
  const transport = new OpenAIRealtimeWebSocket({ url });
  transport.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  const updated = new Promise((done) => transport.on('session.updated', done));
  await transport.connect({ apiKey: 'sk-bench', url, initialSessionConfig: { instructions: 'Hi.' } });
  await updated;
  return transport;
}

async function receive() {
  const transport = await opened();
  let seen = 0;
  let cpuBefore = 0;
  let faultsBefore = 0;
  await new Promise((done) => {
    transport.on(wanted, () => {
      seen += 1;
      if (seen === job.warm) {
        cpuBefore = cpu();
        faultsBefore = process.resourceUsage().minorPageFault;
      } else if (seen === job.warm + job.count) {
        done();
      }
    });
    transport.sendEvent({ type: 'response.create' });
  });
  const us = (cpu() - cpuBefore) / job.count;
  return { us, faults: (process.resourceUsage().minorPageFault - faultsBefore) / job.count };
}

async function send() {
  const transport = await opened();
  const audio = new ArrayBuffer(job.chunk);
  // ws buffers without a bound: a turn of the event loop now and then lets it write.
  const some = async (count) => {
    for (let sent = 0; sent < count; sent += 1) {
      transport.sendAudio(audio);
      if (sent % 50 === 49) await new Promise((done) => setImmediate(done));
    }
  };
  await some(job.warm);
  const cpuBefore = cpu();
  const faultsBefore = process.resourceUsage().minorPageFault;
  await some(job.count);
  const us = (cpu() - cpuBefore) / job.count;
  return { us, faults: (process.resourceUsage().minorPageFault - faultsBefore) / job.count };
}

console.log(JSON.stringify(await { receive, send }[job.scenario]()));
process.exit(0);
