// Streams audio through a pipeline on a server, and prints a line per result.
//
//     npm install
//     node stream.js 127.0.0.1:50051 pipeline.json 50
//
// The arguments: the server, a manifest as JSON, and how many chunks of 20 ms to send. A token comes
// from the environment, MILLRACE_TOKEN.

const fs = require("fs");
const path = require("path");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");

const PROTO = path.join(__dirname, "..", "..", "proto");
const SAMPLE_RATE = 16000;
const CHUNK_SAMPLES = SAMPLE_RATE / 50;

const definition = protoLoader.loadSync("remotemedia/v1/streaming.proto", {
  includeDirs: [PROTO],
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});
const { StreamingPipelineService } = grpc.loadPackageDefinition(definition).remotemedia.v1;

const [address, manifestFile, chunks] = process.argv.slice(2);
const manifest = JSON.parse(fs.readFileSync(manifestFile, "utf8"));
// In the contract, a node's params are JSON text.
for (const node of manifest.nodes) node.params = JSON.stringify(node.params ?? {});
const targets = new Set(manifest.connections.map((connection) => connection.to));
const source = manifest.nodes.find((node) => !targets.has(node.id)).id;

function audio(number) {
  const samples = new Float32Array(CHUNK_SAMPLES).fill(number / 1000);
  return {
    samples: Buffer.from(samples.buffer),
    sample_rate: SAMPLE_RATE,
    channels: 1,
    format: "AUDIO_FORMAT_F32",
    num_samples: CHUNK_SAMPLES,
  };
}

// Resolves when the call takes more: flow control reaches from the slowest node to here.
function write(call, request) {
  if (call.write(request)) return Promise.resolve();
  return new Promise((resolve) => call.once("drain", resolve));
}

async function send(call) {
  for (let number = 0; number < Number(chunks); number++) {
    const data_chunk = { node_id: source, buffer: { audio: audio(number) }, sequence: number };
    await write(call, { data_chunk });
  }
  await write(call, { control: { command: "COMMAND_CLOSE" } });
  call.end();
}

const metadata = new grpc.Metadata();
const token = process.env.MILLRACE_TOKEN;
if (token) metadata.set("authorization", `Bearer ${token}`);

const client = new StreamingPipelineService(address, grpc.credentials.createInsecure());
const call = client.StreamPipeline(metadata);

call.on("data", (response) => {
  // `response.response` is the name of the member that is set.
  if (response.init_progress) {
    const { node_id, status } = response.init_progress;
    console.error(`${node_id}: ${status}`);
  } else if (response.result) {
    for (const [node, buffer] of Object.entries(response.result.data_outputs)) {
      const { samples, num_samples } = buffer.audio;
      const first = samples.readFloatLE(0).toFixed(3);
      console.log(`${response.result.sequence} ${node} ${num_samples} ${first}`);
    }
  } else if (response.error) {
    console.error(`error: ${response.error.message}`);
    process.exitCode = 1;
  } else if (response.closed) {
    console.error(`closed: ${response.closed.reason}`);
  }
});
call.on("error", (error) => {
  console.error(`error: ${error.details}`);
  process.exitCode = 1;
});
call.on("status", () => client.close());

call.write({ init: { manifest, client_version: "node example" } });
send(call);
