// Add a job, and tell how it has ended: node produce.cjs PORT QUEUE JOB_ID DATA
// It looks at the job again and again: QueueEvents may miss what happens before it has begun to listen.
const { Job, Queue } = require('bullmq');

const [port, name, jobId, data] = process.argv.slice(2);
const queue = new Queue(name, { connection: { host: '127.0.0.1', port: Number(port) } });

async function ending() {
  for (;;) {
    const job = await Job.fromId(queue, jobId);
    if (await job.isCompleted()) return { ended: 'completed', value: job.returnvalue };
    if (await job.isFailed()) return { ended: 'failed', reason: (await Job.fromId(queue, jobId)).failedReason };
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

async function main() {
  const options = { jobId, attempts: 3, backoff: { type: 'fixed', delay: 10 } };
  const job = await queue.add('cns-stimulation', JSON.parse(data), options);
  console.log(JSON.stringify({ id: job.id, ...await ending() }));
  await queue.close();
}

main();
