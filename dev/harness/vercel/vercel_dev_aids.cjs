// Loaded into `vercel dev` by NODE_OPTIONS, to save more than ten seconds a function and to keep an idle one alive.
// What a function is, and how it is called, stays the CLI's own.
//
// Speed: the CLI builds a function in a worker, which sends the zip to its parent as a JSON array of bytes. For zips over
// 256 MB it sends a file's name in place of the bytes (`zipBufferPath`); here it does so for every zip, and packs
// without compressing. The parent reads the file twice but deletes it after the first time, so the file stays until
// the harness removes its folder.
//
// Patience: between two calls the CLI freezes a function's process, at times in the middle of asking for its next
// call. Node then gives that request up after a minute, the process ends, and the function's next call hangs.
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const { syncBuiltinESMExports } = require("node:module");
const os = require("node:os");
const net = require("node:net");
const path = require("node:path");
const zlib = require("node:zlib");

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
  const { DeflateRaw } = zlib;
  zlib.DeflateRaw = function (options) {
    return new DeflateRaw({ ...options, level: zlib.constants.Z_NO_COMPRESSION });
  };
} else {
  const { unlinkSync } = fs;
  fs.unlinkSync = (file) => (String(file).startsWith(PREFIX) ? undefined : unlinkSync(file));
  syncBuiltinESMExports();

  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (...where) {
    if (this instanceof http.Server) {
      this.headersTimeout = this.requestTimeout = 0;
    }
    return listen.apply(this, where);
  };
}
