// Loaded into the Vercel CLI by NODE_OPTIONS: a file that it copies is there whole or not at all.
//
// The builds of all functions share one uv cache here, where the CLI keeps a uv.lock: it copies that back and forth,
// and a build that copies it while another one is writing it would go on with an empty file.
const crypto = require("node:crypto");
const fs = require("node:fs");

const { copyFile } = fs.promises;
fs.promises.copyFile = async (source, target, mode) => {
  if (mode) return copyFile(source, target, mode);
  const part = `${target}.${crypto.randomUUID()}`;
  await copyFile(source, part);
  await fs.promises.rename(part, target);
};
