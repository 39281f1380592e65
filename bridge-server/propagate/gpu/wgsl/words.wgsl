// Words of 32 bits, moved and set.

// from, to, count
@compute @workgroup_size(256)
fn copyWords(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i < arg(2u)) {
    storeU(arg(1u) + 4u * i, loadU(arg(0u) + 4u * i));
  }
}

// at, count, value
@compute @workgroup_size(256)
fn fillWords(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i < arg(1u)) {
    storeU(arg(0u) + 4u * i, arg(2u));
  }
}
