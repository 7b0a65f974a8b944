"""Trains a classifier on the iris data set, and prints how well it does for each kind of flower."""

import pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

iris = load_iris(as_frame=True)
train, test = train_test_split(iris.frame, test_size=0.3, random_state=1, stratify=iris.target)
features = iris.feature_names

model = LogisticRegression(max_iter=1000).fit(train[features], train["target"])
correct = model.predict(test[features]) == test["target"]
kinds = pd.Series(iris.target_names)[test["target"]].to_numpy()

accuracy = correct.groupby(kinds).mean()
print(f"accuracy {correct.mean():.3f}")
print(accuracy.to_string(float_format="{:.3f}".format))
