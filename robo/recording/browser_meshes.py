"""MuJoCo geoms as coloured and textured meshes, one glTF model per body."""

from typing import Any, Final

import mujoco
import numpy as np
import trimesh as typeless_trimesh
from numpy.typing import NDArray
from PIL import Image

SHOWN_GROUPS: Final = (0, 1, 2)
"""Geom groups shown, as in MuJoCo's own viewer."""
SLICES: Final = 20
"""Segments around round shapes."""
PLANE: Final = 20.0
"""Half the side of an infinite plane (m)."""
UNSET_RGBA: Final = np.array([0.5, 0.5, 0.5, 1.0], np.float32)
"""A geom of this colour takes its material's."""

trimesh: Any = typeless_trimesh
"""Only half of its functions are annotated."""

GAMMA: Final = 2.2

_TYPE = mujoco.mjtGeom
_FLAT = mujoco.mjtTexture.mjTEXTURE_2D
_LAYER = int(mujoco.mjtTextureRole.mjTEXROLE_RGB)

# Each face: normal, then its texture's right and up, seen from outside.
_FACES: Final = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
)


def body_model(model: mujoco.MjModel, body: int) -> bytes | None:
    """The body's visible geoms in its own frame as binary glTF (m), or None without any."""
    scene = trimesh.Scene()
    plain: dict[tuple[int, ...], list[Any]] = {}
    first = int(model.body_geomadr[body])
    for geom in range(first, first + int(model.body_geomnum[body])):
        colour = _colour(model, geom)
        mesh, uv = _shape(model, geom)
        if mesh is None or colour[3] == 0 or model.geom_group[geom] not in SHOWN_GROUPS:
            continue
        pose = np.eye(4)
        pose[:3, :3] = _rotation(model.geom_quat[geom])
        pose[:3, 3] = model.geom_pos[geom]
        mesh.apply_transform(pose)
        texture = _texture(model, geom)
        if texture is None or uv is None:
            plain.setdefault(colour, []).append(mesh)
            continue
        if model.geom_type[geom] != _TYPE.mjGEOM_MESH:
            uv = uv * model.mat_texrepeat[model.geom_matid[geom]]
        mesh.visual = trimesh.visual.TextureVisuals(
            uv=uv, material=_material(colour, _image(model, texture))
        )
        scene.add_geometry(mesh)
    for colour, meshes in plain.items():  # one mesh per colour: cost grows with their number
        mesh = trimesh.util.concatenate(meshes)
        mesh.visual = trimesh.visual.TextureVisuals(material=_material(colour, None))
        scene.add_geometry(mesh)
    if not scene.geometry:
        return None
    exported = scene.export(file_type="glb")
    assert isinstance(exported, bytes)
    return exported


def look(model: mujoco.MjModel) -> bytes:
    """A fingerprint of geoms and materials; without body poses, mesh and texture data."""
    parts = (
        model.geom_type, model.geom_size, model.geom_pos, model.geom_quat, model.geom_rgba,
        model.geom_matid, model.geom_dataid, model.mat_rgba, model.mat_texid, model.mat_texrepeat,
    )  # fmt: skip
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def _colour(model: mujoco.MjModel, geom: int) -> tuple[int, ...]:
    """RGBA, 0 to 255; glTF colours are linear, MuJoCo's are gamma-encoded."""
    material = int(model.geom_matid[geom])
    rgba = np.asarray(model.geom_rgba[geom], np.float64)
    if material >= 0 and np.array_equal(rgba, UNSET_RGBA):
        rgba = np.asarray(model.mat_rgba[material], np.float64)
    rgba = np.clip(rgba, 0, 1)
    rgba[:3] **= GAMMA
    return tuple(int(value) for value in np.rint(rgba * 255))


def _texture(model: mujoco.MjModel, geom: int) -> int | None:
    material = int(model.geom_matid[geom])
    texture = int(model.mat_texid[material, _LAYER]) if material >= 0 else -1
    return texture if texture >= 0 and model.tex_type[texture] == _FLAT else None


def _material(colour: tuple[int, ...], image: Image.Image | None) -> Any:
    return trimesh.visual.material.PBRMaterial(
        baseColorFactor=np.array(colour, np.uint8),
        baseColorTexture=image,
        metallicFactor=0.0,
        roughnessFactor=0.9,
        alphaMode="OPAQUE" if colour[3] > 250 else "BLEND",
    )


def _shape(model: mujoco.MjModel, geom: int) -> tuple[Any, NDArray[np.float64] | None]:
    """A geom's surface in its own frame, and its texture coordinates; None if unavailable."""
    kind, size = int(model.geom_type[geom]), np.asarray(model.geom_size[geom], np.float64)
    if kind == _TYPE.mjGEOM_BOX:
        return _box(size, _FACES)
    if kind == _TYPE.mjGEOM_PLANE:
        half = np.array([size[0] or PLANE, size[1] or PLANE, 0.0])
        return _box(half, _FACES[4:5])
    if kind == _TYPE.mjGEOM_SPHERE:
        return trimesh.creation.uv_sphere(radius=size[0], count=(SLICES // 2, SLICES)), None
    if kind == _TYPE.mjGEOM_ELLIPSOID:
        ball = trimesh.creation.uv_sphere(radius=1.0, count=(SLICES // 2, SLICES))
        return ball.apply_scale(size), None
    if kind == _TYPE.mjGEOM_CYLINDER:
        return trimesh.creation.cylinder(size[0], 2 * size[1], sections=SLICES), None
    if kind == _TYPE.mjGEOM_CAPSULE:
        capsule = trimesh.creation.capsule(2 * size[1], size[0], count=(SLICES // 2, SLICES))
        return capsule.apply_translation((0, 0, -capsule.bounds.mean(axis=0)[2])), None
    if kind == _TYPE.mjGEOM_MESH:
        return _mesh(model, int(model.geom_dataid[geom]))
    if kind == _TYPE.mjGEOM_HFIELD:
        return _field(model, int(model.geom_dataid[geom]))
    return None, None


def _box(half: NDArray[np.float64], faces: Any) -> tuple[Any, NDArray[np.float64]]:
    corners, uv, triangles = [], [], []
    for number, (normal, right, up) in enumerate(np.array(faces, float)):
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            corners.append((normal + x * right + y * up) * half)
            uv.append(((x + 1) / 2, (y + 1) / 2))
        triangles += [[4 * number, 4 * number + 1, 4 * number + 2]]
        triangles += [[4 * number, 4 * number + 2, 4 * number + 3]]
    return trimesh.Trimesh(corners, triangles, process=False), np.array(uv)


def _mesh(model: mujoco.MjModel, mesh: int) -> tuple[Any, NDArray[np.float64] | None]:
    begin, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    vertices = model.mesh_vert[begin : begin + count]
    begin, count = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    faces = model.mesh_face[begin : begin + count]
    texture = int(model.mesh_texcoordadr[mesh])
    if texture < 0:
        return trimesh.Trimesh(vertices, faces, process=False), None
    # A vertex may have a different texture coordinate in each face.
    places = model.mesh_facetexcoord[begin : begin + count]
    pairs, inverse = np.unique(
        np.stack([faces.ravel(), places.ravel()], axis=1), axis=0, return_inverse=True
    )
    uv = np.asarray(model.mesh_texcoord[texture + pairs[:, 1]], np.float64)
    uv[:, 1] = 1.0 - uv[:, 1]  # MuJoCo counts from the image's top row, trimesh from below
    return trimesh.Trimesh(vertices[pairs[:, 0]], inverse.reshape(-1, 3), process=False), uv


def _field(model: mujoco.MjModel, field: int) -> tuple[Any, NDArray[np.float64]]:
    """The surface of a height field; its texture covers it once."""
    rows, columns = int(model.hfield_nrow[field]), int(model.hfield_ncol[field])
    begin = int(model.hfield_adr[field])
    heights = np.asarray(model.hfield_data[begin : begin + rows * columns], np.float64)
    along, across, top = (float(size) for size in model.hfield_size[field][:3])
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    uv = np.stack([u.ravel(), v.ravel()], axis=1)
    vertices = np.column_stack([(2 * uv - 1) * (along, across), top * heights])
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    corner = np.stack([first, first + 1, first + columns + 1, first + columns], axis=1)
    triangles = np.concatenate([corner[:, [0, 1, 2]], corner[:, [0, 2, 3]]])
    return trimesh.Trimesh(vertices, triangles, process=False), uv


def _image(model: mujoco.MjModel, texture: int) -> Image.Image:
    height, width = int(model.tex_height[texture]), int(model.tex_width[texture])
    channels, begin = int(model.tex_nchannel[texture]), int(model.tex_adr[texture])
    pixels = model.tex_data[begin : begin + height * width * channels]
    return Image.fromarray(pixels.reshape(height, width, channels)[..., :3].copy())


def _rotation(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)
