// head.js: Merkle heads of logs, their signatures, and the feed chain (protocol.md 3).
import { sign, verify } from 'node:crypto';
import { encode } from './cbor.js';
import { H, KIND } from './names.js';

export const leafHash = (scope, seq, chain) => H(KIND.leaf, encode([scope, seq, chain]));
const nodeHash = (left, right) => H(KIND.node, left, right);

// RFC 9162 2.1: the left subtree holds the largest power of two below the number of leaves.
function split(count) {
  let size = 1;
  while (size * 2 < count) size *= 2;
  return size;
}

export function root(leaves) {
  if (leaves.length === 1) return leaves[0];
  const left = split(leaves.length);
  return nodeHash(root(leaves.slice(0, left)), root(leaves.slice(left)));
}

// The root that a leaf and the hashes beside its way up lead to (RFC 9162 2.1.3), or null.
export function rootFromPath(leaf, index, count, path) {
  if (count === 1) return index === 0 && path.length === 0 ? leaf : null;
  if (index >= count || path.length === 0) return null;
  const left = split(count);
  const [below, beside] = [path.slice(0, -1), path[path.length - 1]];
  if (index < left) {
    const found = rootFromPath(leaf, index, left, below);
    return found && nodeHash(found, beside);
  }
  const found = rootFromPath(leaf, index - left, count - left, below);
  return found && nodeHash(beside, found);
}

// The path of one leaf, lowest first.
export function pathOf(leaves, index) {
  if (leaves.length === 1) return [];
  const left = split(leaves.length);
  return index < left
    ? [...pathOf(leaves.slice(0, left), index), root(leaves.slice(left))]
    : [...pathOf(leaves.slice(left), index - left), root(leaves.slice(0, left))];
}

const SIGNATURE = { dsaEncoding: 'ieee-p1363' }; // r ‖ s

// What is signed. SHA-256 of it is the digest that ECDSA takes.
export const headInput = ({ origin, lane, seq, root: top, hlc }) =>
  Buffer.concat([Buffer.of(KIND.head), encode([origin, lane, seq, top, hlc])]);

export const signHead = (head, privateKey) =>
  sign('sha256', headInput(head), { key: privateKey, ...SIGNATURE });

export const headIsSigned = (head, publicKey) =>
  verify('sha256', headInput(head), { key: publicKey, ...SIGNATURE }, head.signature);

export const feedNext = (feedChain, entryChain) =>
  H(KIND.feed, feedChain, entryChain).subarray(0, 16);
