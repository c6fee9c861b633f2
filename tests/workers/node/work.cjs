// Work off one job, and tell what it was: node work.cjs PORT QUEUE [PROGRESS]
// With PROGRESS that is saved in the job, which fails then.
const { Worker } = require('bullmq');

const [port, name, progress] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(port) };

const worker = new Worker(name, async job => {
  console.log(JSON.stringify({ name: job.name, data: job.data, progress: job.progress, started: job.attemptsStarted }));
  if (progress) {
    await job.updateProgress(JSON.parse(progress));
    throw new Error('interrupted');
  }
}, { connection, concurrency: 1 });

worker.on('completed', () => worker.close());
worker.on('failed', () => worker.close());
