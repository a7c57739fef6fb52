"""A foreign simulator that misbehaves as it is told: no package needed, so that it starts at once.

python puppet.py HOST:PORT MODE PIDFILE
"""

import json
import os
import socket
import sys
import time
from pathlib import Path

address, mode, pid_file = sys.argv[1:]
Path(pid_file).write_text(str(os.getpid()))
if mode == "dies first":
    sys.exit(3)
if mode == "never connects":
    time.sleep(1000)
host, port = address.split(":")
connection = socket.create_connection((host, int(port)))
stream = connection.makefile("rwb")
META = {
    "api_version": "2.2" if mode == "old" else "3.0",
    "type": "hybrid" if mode == "hybrid" else "time-based",
    "models": {
        "batteries" if mode == "model" else "battery": {
            "public": True,
            "params": ["name"],
            "attrs": [
                "energy_kwh" if mode == "attribute" else "energy_battery_kwh",
                "setpoint_power_charge_kw",
            ],
        }
    },
}
VALUES = {"text": "much", "true": True, "list": [1.0], "infinite": float("inf"), "number": 0.5}
STEP_AT = 6 * 900


def send(kind, number, content):
    body = json.dumps([kind, number, content]).encode()
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def stepped(now):
    if now == STEP_AT:
        if mode == "dies":
            os._exit(7)
        if mode == "hangs":
            Path(pid_file).with_name("hangs").touch()
            time.sleep(1000)
        if mode == "http":
            stream.write(b"HTTP/1.1 200 OK\r\n\r\n")
        if mode == "no json":
            stream.write((5).to_bytes(4, "big") + b"hello")
        if mode == "no message":
            stream.write((2).to_bytes(4, "big") + b"{}")
        if mode in ("http", "no json", "no message"):
            stream.flush()
            time.sleep(1000)
        if mode == "raises":
            raise ValueError("I do not know")
        if mode == "time as text":
            return "soon"
        if mode == "same time":
            return now
        if mode == "between":
            return now + 60
    return now + 900


def data_of(outputs, now):
    if mode == "lacks" and now == STEP_AT:
        return {}
    value = VALUES.get(mode) if now == STEP_AT or mode == "number" else None
    return {eid: dict.fromkeys(attrs, value) for eid, attrs in outputs.items()}


time_now = 0
while head := stream.read(4):
    _, number, (method, args, kwargs) = json.loads(stream.read(int.from_bytes(head, "big")))
    if method == "stop":
        if mode == "ignores stop":
            time.sleep(1000)
        break
    try:
        if method == "init":
            answer = [] if mode == "meta" else META
        elif method == "create":
            answer = [{"eid": kwargs["name"], "type": "battery"}]
        elif method == "step":
            time_now = args[0]
            answer = stepped(time_now)
        else:
            answer = data_of(args[0], time_now) if method == "get_data" else None
        send(1, number, answer)
    except ValueError as error:
        send(2, number, [type(error).__name__, str(error), "a traceback"])
