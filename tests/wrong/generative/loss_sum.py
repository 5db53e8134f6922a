# autoencoder_loss: sums over pixels; named: "Sums over pixels; the text asks for their mean."
def autoencoder_loss(model, img):
    return ((model(img) - img) ** 2).sum()
