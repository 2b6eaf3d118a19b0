// Reads a bag with the libraries that Foxglove itself is made of, and prints what it found.
// Usage: node read_with_foxglove.mjs NODE_MODULES FILE.mcap
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, file] = process.argv.slice(2);
const load = createRequire(join(modules, 'none.js'));
const { McapIndexedReader } = load('@mcap/core');
const { parse } = load('@foxglove/rosmsg');
const { MessageReader } = load('@foxglove/rosmsg2-serialization');
const { decompress } = load('fzstd');

const bytes = await readFile(file);
const reader = await McapIndexedReader.Initialize({
  readable: {
    size: async () => BigInt(bytes.length),
    read: async (at, length) => new Uint8Array(bytes.subarray(Number(at), Number(at + length))),
  },
  decompressHandlers: { zstd: (data, size) => decompress(data, new Uint8Array(Number(size))) },
});
const readers = new Map();
for (const channel of reader.channelsById.values()) {
  const text = new TextDecoder().decode(reader.schemasById.get(channel.schemaId).data);
  readers.set(channel.id, new MessageReader(parse(text, { ros2: true })));
}
const counts = {};
const last = {};
for await (const message of reader.readMessages()) {
  const { topic } = reader.channelsById.get(message.channelId);
  counts[topic] = (counts[topic] ?? 0) + 1;
  last[topic] = readers.get(message.channelId).readMessage(message.data);
}
const metadata = [];
for await (const record of reader.readMetadata()) metadata.push(record.name);
const joints = Array.from(last['/joint_states']?.position ?? []);
console.log(JSON.stringify({ profile: reader.header.profile, counts, metadata, joints }));
