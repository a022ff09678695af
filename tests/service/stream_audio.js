// Streams audio through a pipeline, and prints what comes back: one JSON object.
//   node stream_audio.js TARGET PROTO_FOLDER
// The job comes on standard input: {"manifest": ..., "node": ..., "first": ..., "chunks": ...}.
"use strict";

const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [target, folder] = process.argv.slice(2);
const job = JSON.parse(fs.readFileSync(0, "utf8"));
const definition = loader.loadSync("remotemedia/v1/streaming.proto", {
  includeDirs: [folder],
  keepCase: true,
  longs: Number,
  enums: String,
  oneofs: true,
});
const { StreamingPipelineService } = grpc.loadPackageDefinition(definition).remotemedia.v1;
const client = new StreamingPipelineService(target, grpc.credentials.createInsecure());
const call = client.StreamPipeline();
const seen = { kinds: [], sequences: [], sums: [], error: null };

call.on("data", (message) => {
  seen.kinds.push(message.response);
  if (message.response === "result") {
    const audio = Object.values(message.result.data_outputs)[0].audio;
    const view = new DataView(audio.samples.buffer, audio.samples.byteOffset, audio.samples.length);
    let sum = 0;
    for (let at = 0; at < audio.samples.length; at += 4) sum += view.getFloat32(at, true);
    seen.sequences.push(message.result.sequence);
    seen.sums.push(sum);
  } else if (message.response === "error") {
    seen.error = message.error.message;
  }
});
call.on("error", (error) => {
  seen.error = error.message;
});
call.on("status", (status) => {
  console.log(JSON.stringify({ ...seen, status: status.code }));
  client.close();
});

call.write({ init: { manifest: job.manifest, client_version: "node" } });
for (let n = 0; n < job.chunks; n++) {
  const samples = Buffer.alloc(4 * 160);
  for (let at = 0; at < 160; at++) samples.writeFloatLE(n, 4 * at);
  const audio = {
    samples,
    sample_rate: 16000,
    channels: 1,
    format: "AUDIO_FORMAT_F32",
    num_samples: 160,
  };
  call.write({ data_chunk: { node_id: job.node, buffer: { audio }, sequence: job.first + n } });
}
call.write({ control: { command: "COMMAND_CLOSE" } });
call.end();
