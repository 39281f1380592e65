import { Store } from '../../bridge-server/jobs/store.ts';
import { someRender } from './request.ts';

// Another process of the same install, with one job that it runs; it lives until it is killed.
const store = new Store(process.argv[2]!);
const { id } = store.insert(someRender(), null);
store.setState(id, { state: 'running', progress: null });
setInterval(() => store.beat(), 200);
process.stdout.write(`${id}\n`);
