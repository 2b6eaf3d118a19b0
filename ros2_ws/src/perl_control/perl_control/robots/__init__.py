"""Robots behind one interface: see ``base.RobotLink``."""
