import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import node from 'eslint-plugin-n';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['dist/', 'local/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      'no-console': 'error',
      'max-lines': ['error', 250],
      'max-lines-per-function': ['error', { max: 40, skipComments: true }],
      // isolatedDeclarations wants the type of a public property on the left.
      '@typescript-eslint/consistent-generic-constructors': 'off',
      // … and that of a constant that is a template.
      '@typescript-eslint/no-inferrable-types': 'off',
      // A number in a message needs no String() around it.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    // What ends up in the package runs on the oldest Node.js that `engines` in package.json names; tests and scripts need not.
    files: ['src/**'],
    plugins: { n: node },
    languageOptions: { globals: { process: 'readonly' } },
    settings: { n: { version: '^18.19.0 || >=20' } },
    rules: {
      'n/no-unsupported-features/node-builtins': ['error', { allowExperimental: true }],
      'n/no-unsupported-features/es-builtins': 'error',
      // The rules above know no methods of objects.
      'no-restricted-properties': [
        'error',
        ...['toSorted', 'toReversed', 'toSpliced', 'with'].map((property) => ({
          property,
          message: 'Node.js 18 lacks it.',
        })),
      ],
    },
  },
  // A describe() block is one function to the linter.
  { files: ['test/**'], rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: readonly('process', 'console', 'URL', 'Buffer', 'setTimeout', 'clearTimeout'),
    },
  },
  {
    files: ['examples/web-chat/public/**'],
    languageOptions: {
      globals: readonly(
        'document',
        'location',
        'localStorage',
        'sessionStorage',
        'crypto',
        'fetch',
        'BroadcastChannel',
        'Option',
      ),
    },
  },
);

/** Returns the setting for global variables that are not assigned to. */
function readonly(...names) {
  return Object.fromEntries(names.map((name) => [name, 'readonly']));
}
