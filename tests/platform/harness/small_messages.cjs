// Loaded into `vercel dev` by NODE_OPTIONS, to save about ten seconds a function and nothing else.
//
// The CLI builds a function in a worker, which sends the zip to its parent as a JSON array of bytes. For zips over
// 256 MB it sends a file's name in place of the bytes (`zipBufferPath`); here it does so for every zip. The parent
// reads that file twice but deletes it after the first time, so the file stays until the harness removes its folder.
const crypto = require("node:crypto");
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const os = require("node:os");
const path = require("node:path");

const PREFIX = path.join(os.tmpdir(), "function-");

if (process.send) {
  const send = process.send.bind(process);
  process.send = (message, ...rest) => {
    for (const output of Object.values(message?.result ?? {})) {
      if (output?.zipBuffer) {
        output.zipBufferPath = `${PREFIX}${crypto.randomUUID()}.zip`;
        fs.writeFileSync(output.zipBufferPath, output.zipBuffer);
        delete output.zipBuffer;
      }
    }
    return send(message, ...rest);
  };
} else {
  const { unlinkSync } = fs;
  fs.unlinkSync = (file) => (String(file).startsWith(PREFIX) ? undefined : unlinkSync(file));
  syncBuiltinESMExports();
}
