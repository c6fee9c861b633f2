// Add a job, and tell how it has ended: node produce.cjs PORT QUEUE JOB_ID DATA
const { Queue, QueueEvents } = require('bullmq');

const [port, name, jobId, data] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(port) };

async function main() {
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  await events.waitUntilReady();
  const options = { jobId, attempts: 3, backoff: { type: 'fixed', delay: 10 } };
  const job = await queue.add('cns-stimulation', JSON.parse(data), options);
  const ended = await job.waitUntilFinished(events, 20000).then(() => 'completed', error => error.message);
  console.log(JSON.stringify({ id: job.id, ended }));
  await events.close();
  await queue.close();
}

main();
