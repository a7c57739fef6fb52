// A controller in JavaScript, for Node 12 or later without any package: it speaks mosaik's protocol itself.
//
//     node controller.js 127.0.0.1:5555
//
// Batteries keep what they hold for the dear hours, and flats are cooled a little ahead while the roofs deliver.
// What is null is left to the device's own rule. examples/foreign_controller is the same in Python.
"use strict";

const net = require("net");

const ROOFS_DELIVER_KW = 5.0;
const TEMP_COOLING_AHEAD_DEGC = 24.5;
const MODELS = { // attributes are both: what the controller wants to know, and what it decides
  battery: [
    "power_pv_kw",
    "power_load_kw",
    "price_buy_eur_per_kwh",
    "forecast_price_buy_eur_per_kwh",
    "setpoint_power_charge_kw",
    "setpoint_power_discharge_kw",
  ],
  dwelling: ["setpoint_temp_cooling_degc"],
  community: ["power_pv_kw"],
};

const kinds = {};
let decided = {};
let stepSeconds = 900;

// Charge with the surplus; give nothing back while electricity costs less than over the next day.
function battery(seen) {
  const ahead = seen.forecast_price_buy_eur_per_kwh;
  const mean = ahead.reduce((sum, price) => sum + price, 0) / ahead.length;
  if (seen.price_buy_eur_per_kwh >= 0.999 * mean) {
    return { setpoint_power_charge_kw: null, setpoint_power_discharge_kw: null };
  }
  const surplus = Math.max(seen.power_pv_kw - seen.power_load_kw, 0);
  return { setpoint_power_charge_kw: surplus, setpoint_power_discharge_kw: 0 };
}

// What mosaik may ask for; each function takes the positional and the named arguments.
const methods = {
  init() {
    const models = {};
    for (const [kind, attrs] of Object.entries(MODELS)) {
      models[kind] = { public: true, params: ["name", "step_s"], attrs };
    }
    return { api_version: "3.0", type: "time-based", models };
  },

  create([, model], { name, step_s }) {
    stepSeconds = step_s;
    const eid = `${model}:${name}`;
    kinds[eid] = model;
    return [{ eid, type: model }];
  },

  setup_done() {
    return null;
  },

  step([time, inputs]) {
    const seen = {};
    for (const [eid, attrs] of Object.entries(inputs)) {
      seen[eid] = {};
      for (const [attr, sources] of Object.entries(attrs)) [seen[eid][attr]] = Object.values(sources);
    }
    const sunny = seen["community:community"].power_pv_kw > ROOFS_DELIVER_KW;
    decided = {};
    for (const [eid, kind] of Object.entries(kinds)) {
      if (kind === "battery") decided[eid] = battery(seen[eid]);
      if (kind === "dwelling") {
        decided[eid] = { setpoint_temp_cooling_degc: sunny ? TEMP_COOLING_AHEAD_DEGC : null };
      }
    }
    return time + stepSeconds;
  },

  get_data([outputs]) {
    const data = {};
    for (const [eid, attrs] of Object.entries(outputs)) {
      data[eid] = Object.fromEntries(attrs.map((attr) => [attr, decided[eid][attr]]));
    }
    return data;
  },
};

// A message is 4 bytes of length, big-endian, and JSON: [type, id, content].
const [REQUEST, SUCCESS, FAILURE] = [0, 1, 2];

function send(socket, message) {
  const body = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

function answer(socket, [type, id, content]) {
  if (type !== REQUEST) return;
  const [method, args, kwargs] = content;
  if (method === "stop") {
    socket.end();
    return;
  }
  try {
    send(socket, [SUCCESS, id, methods[method](args, kwargs)]);
  } catch (error) {
    send(socket, [FAILURE, id, [error.name, error.message, error.stack]]);
  }
}

const [host, port] = (process.argv[2] || "").split(":");
if (!port) {
  console.error("usage: node controller.js HOST:PORT");
  process.exit(2);
}
const socket = net.createConnection({ host, port: Number(port) });
socket.setNoDelay(true);
let received = Buffer.alloc(0);
socket.on("data", (chunk) => {
  received = Buffer.concat([received, chunk]);
  while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
    const end = 4 + received.readUInt32BE(0);
    const message = JSON.parse(received.toString("utf8", 4, end));
    received = received.subarray(end);
    answer(socket, message);
  }
});
socket.on("error", (error) => {
  console.error(`no connection to mosaik: ${error.message}`);
  process.exit(1);
});
