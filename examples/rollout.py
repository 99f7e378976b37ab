"""Create the kitchen, let an expert pick up the apple, print whether it did, write a video."""

from envs.kitchen.env import KitchenEnv
from envs.kitchen.experts import make_expert
from envs.kitchen.rules import held
from robo.video import VideoWriter

env = KitchenEnv(render_mode="rgb_array")
env.reset(seed=0)
apple = env.scene.names.index("apple")
with VideoWriter("rollout.mp4", fps=env.control_hz) as video:
    for skill in ("find", "pick_up"):
        expert = make_expert(env.scene, skill, apple, None)
        while not expert.finished:
            env.step(expert.act(env.kitchen_state))
            video.add(env.render())
print("success:", held(env.kitchen_state, apple))
