// Counting needs a memory of atomic words: a module of its own.

@group(0) @binding(0) var<storage, read_write> memory: array<atomic<u32>>;
@group(0) @binding(1) var<uniform> arguments: array<vec4<u32>, 8>;

// list, count, field, taken
@compute @workgroup_size(64)
fn nnfCount(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  let given = arguments[0];
  if (k >= given.y) {
    return;
  }
  let pixel = atomicLoad(&memory[(given.x >> 2u) + k]);
  let place = atomicLoad(&memory[(given.z >> 2u) + pixel]);
  atomicAdd(&memory[(given.w >> 2u) + place], 1u);
}
