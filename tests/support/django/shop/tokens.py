from rest_framework_simplejwt.serializers import TokenObtainPairSerializer


class ShopTokenObtainPairSerializer(TokenObtainPairSerializer):
    """Adds what front ends like to find in a token."""

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["username"] = user.get_username()
        token["scope"] = " ".join(sorted(user.get_all_permissions()))
        return token
