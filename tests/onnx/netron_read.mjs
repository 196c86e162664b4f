// Opens ONNX files with Netron's own reader, without a browser, and prints a line for each: its inputs and results.
// It has to lie among the modules of Netron; tests/onnx/check.py puts it there.
import fs from 'fs';
import path from 'path';
import * as base from './base.js';
import * as view from './view.js';

const modules = path.dirname(new URL(import.meta.url).pathname);

// What the reader asks of the program that it is part of.
class Host {
    get environment() { return {packaged: false}; }
    async require(id) { return import(path.join(modules, id + '.js')); }
    async request(file, encoding, folder) {
        const bytes = fs.readFileSync(path.join(folder === undefined ? modules : folder, file));
        return encoding ? bytes.toString(encoding) : new base.BinaryStream(bytes);
    }
    async asset(file, encoding) { return this.request(file, encoding || 'utf-8'); }
    async worker() { return null; }
    async telemetry() {}
    event() {}
    exception(error) { throw error; }
}

class Context {
    constructor(host, file) {
        this.host = host;
        this.identifier = this.name = path.basename(file);
        this.folder = path.dirname(file);
        this.stream = new base.BinaryStream(fs.readFileSync(file));
        this.entries = new Map([[this.identifier, this.stream]]);
    }
    async request(file, encoding) { return this.host.request(file, encoding, this.folder); }
    async require(id) { return this.host.require(id); }
    async asset(file, encoding) { return this.host.asset(file, encoding); }
    error(error) { throw error; }
}

const host = new Host();
const service = new view.ModelFactoryService(host);
const named = (values) => values.map((v) => `${v.name}:${v.value[0].type}`).join(' ');
for (const file of process.argv.slice(2)) {
    const model = await service.open(new Context(host, file));
    const graph = (model.graphs || model.modules)[0];
    if (graph.nodes.length === 0) {
        throw new Error(`${file}: no nodes`);
    }
    console.log(`${path.basename(file)} ${model.format}: ${named(graph.inputs)} -> ${named(graph.outputs)}`);
}
