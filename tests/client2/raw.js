// raw.js: a connection that says what it is told to, for tests of what a hub refuses.
import WebSocket from 'ws';
import { readMessage, writeFrame } from './frames.js';

export class Raw {
  constructor(device, subprotocol = 'holdfast.1') {
    this.frames = [];
    this.socket = new WebSocket(`wss://${device.address}/`, subprotocol, {
      ca: device.read('ca.pem'), cert: device.read('certificate.pem'), key: device.read('key.pem'),
      perMessageDeflate: false,
    });
    this.socket.on('message', (message) => {
      this.frames.push(readMessage(message));
      this.wake?.();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('error', (trouble) => { this.trouble = trouble; });
      this.socket.on('close', () => {
        this.isClosed = true;
        this.wake?.();
        resolve();
      });
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('error', reject);
    });
  }

  send(what) {
    this.socket.send(Buffer.isBuffer(what) ? what : writeFrame(what));
  }

  // The next frame of that type; null when the hub closed before.
  async next(type) {
    for (;;) {
      const at = this.frames.findIndex((frame) => frame?.type === type);
      if (at >= 0) return this.frames.splice(at, 1)[0];
      if (this.isClosed) return null;
      await new Promise((resolve) => { this.wake = resolve; });
    }
  }

  // The code of the ERROR that the hub closes with; 0 when it closes without one.
  async refusal() {
    const error = await this.next('ERROR');
    await this.closed;
    return error ? error.code : 0;
  }

  close() {
    this.socket.terminate();
  }
}
