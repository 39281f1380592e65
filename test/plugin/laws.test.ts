import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

/**
 * What an editor punishes at run time and no type says, read from the panel's own sources. The simulated editors enforce the same
 * where code runs; this finds it where no test goes.
 */
const plugin = fileURLToPath(new URL('../../plugin/', import.meta.url));
const sources = readdirSync(plugin, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts') && !name.startsWith('package'))
  .map((name) => ts.createSourceFile(name, readFileSync(join(plugin, name), 'utf8'), ts.ScriptTarget.Latest, true));

type Finding = { readonly where: string; readonly what: string };

/** Every node that `wrong` names, with its line. */
function findings(files: readonly ts.SourceFile[], wrong: (node: ts.Node) => string | null): Finding[] {
  const found: Finding[] = [];
  for (const file of files) {
    const visit = (node: ts.Node): void => {
      const what = wrong(node);
      const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      if (what !== null) found.push({ where: `${file.fileName}:${line}`, what });
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return found;
}

const calledName = (node: ts.CallExpression): string =>
  ts.isPropertyAccessExpression(node.expression) ? node.expression.name.text : node.expression.getText();

function enclosingFunction(node: ts.Node): ts.Node | null {
  for (let above = node.parent as ts.Node | undefined; above; above = above.parent) {
    if (ts.isFunctionLike(above)) return above;
  }
  return null;
}

const isAsync = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword);

/** A factory in an arrow function that somebody else calls, which the lock's callbacks are; never where code may wait. */
function actionOutsideCallback(node: ts.Node): string | null {
  if (!ts.isCallExpression(node) || !/^create\w*Action$/.test(calledName(node))) return null;
  const inside = enclosingFunction(node);
  return inside && ts.isArrowFunction(inside) && !isAsync(inside) ? null : node.getText();
}

/** One place knows how to lock; whatever is done inside goes through it. */
function lockElsewhere(node: ts.Node): string | null {
  if (!ts.isCallExpression(node) || !/^(lockedAccess|executeTransaction|addAction)$/.test(calledName(node)))
    return null;
  for (let above: ts.Node | undefined = node; above; above = above.parent as ts.Node | undefined) {
    if (ts.isFunctionDeclaration(above) && above.name?.text === 'transact') return null;
  }
  return node.getText();
}

function asyncCallback(node: ts.Node): string | null {
  if (!ts.isCallExpression(node)) return null;
  if (!['transact', 'lockedAccess', 'executeTransaction'].includes(calledName(node))) return null;
  return node.arguments.some((argument) => ts.isArrowFunction(argument) && isAsync(argument)) ? node.getText() : null;
}

/** Types only: there is nothing to load behind them, or it is not for an editor. */
function valueImport(node: ts.Node): string | null {
  const isTypesOnly = (name: string): boolean =>
    /^(@adobe\/premierepro|uxp|zod|ws|node:.*)$/.test(name) || /protocol\/(?!wire)/.test(name);
  if (ts.isCallExpression(node) && /^(require|import)$/.test(calledName(node))) {
    const [asked] = node.arguments;
    return asked && ts.isStringLiteral(asked) && /^(uxp|premierepro|aftereffects)$/.test(asked.text)
      ? null
      : node.getText();
  }
  if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return null;
  if (!node.moduleSpecifier || !ts.isStringLiteral(node.moduleSpecifier)) return null;
  const ofTypes = ts.isExportDeclaration(node)
    ? node.isTypeOnly
    : node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  return isTypesOnly(node.moduleSpecifier.text) && !ofTypes ? node.getText() : null;
}

/** Which argument is one of the editor's constants. */
const TAKES_CONSTANT: Readonly<Record<string, number>> = {
  ...{ getTrackItems: 0, getInPoint: 0, getOutPoint: 0, exportSequence: 1, createRemoveItemsAction: 2 },
  ...{ addGlobalEventListener: 0, addEventListener: 1 },
};

/** The editors' own constants have other values at run time than in the types. */
function literalEnum(node: ts.Node): string | null {
  if (ts.isCallExpression(node)) {
    const at = TAKES_CONSTANT[calledName(node)];
    const given = at === undefined ? undefined : node.arguments[at];
    return given && ts.isNumericLiteral(given) ? node.getText() : null;
  }
  if (!ts.isBinaryExpression(node) || !/^[!=]==?$/.test(node.operatorToken.getText())) return null;
  const [left, right] = [node.left, node.right];
  const telling = ts.isPropertyAccessExpression(left) && /^(type|state|kind)$/.test(left.name.text);
  return telling && ts.isNumericLiteral(right) ? node.getText() : null;
}

/** Styles within elements are not in the style sheets that the build looks through. */
function unknownStyle(node: ts.Node): string | null {
  if (!ts.isPropertyAssignment(node)) return null;
  for (let above: ts.Node | undefined = node.parent; above; above = above.parent as ts.Node | undefined) {
    if (!ts.isJsxAttribute(above)) continue;
    const unknown = /^(grid\w*|float|transition\w*|animation\w*|gap|font|textTransform)$/.test(node.name.getText());
    return above.name.getText() === 'style' && unknown ? node.getText() : null;
  }
  return null;
}

const LAWS = { actionOutsideCallback, lockElsewhere, asyncCallback, valueImport, literalEnum, unknownStyle };

test.each(Object.entries(LAWS))('the panel keeps the law: no %s', (_, law) => {
  expect(sources.length).toBeGreaterThan(20);
  expect(findings(sources, law)).toEqual([]);
});

test.each<[keyof typeof LAWS, string]>([
  ['actionOutsideCallback', 'async function f() { const a = item.createSetNameAction("x"); await a; }'],
  ['actionOutsideCallback', 'const f = async () => item.createSetNameAction("x");'],
  ['asyncCallback', 'project.lockedAccess(async () => { await f(); });'],
  ['valueImport', "import { Constants } from '@adobe/premierepro';"],
  ['valueImport', "import { jobSchema } from '../../bridge-server/protocol/job.ts';"],
  ['valueImport', "export { Constants } from '@adobe/premierepro';"],
  ['valueImport', "const api = require('@adobe/premierepro');"],
  ['valueImport', "const later = await import('./later.ts');"],
  ['lockElsewhere', 'project.lockedAccess(() => f());'],
  ['lockElsewhere', 'const f = (compound) => compound.addAction(action);'],
  ['literalEnum', 'if (item.type === 2) f();'],
  ['literalEnum', 'track.getTrackItems(1, false);'],
  ['unknownStyle', "const view = <div style={{ display: 'flex', gap: 4 }} />;"],
])('%s is found in: %s', (law, text) => {
  const file = ts.createSourceFile('wrong.tsx', text, ts.ScriptTarget.Latest, true);
  expect(findings([file], LAWS[law])).toHaveLength(1);
});
