use support::window::Window;

#[tokio::test]
async fn the_sandbox_with_nothing_else() {
    let window = Window::open("the_sandbox_with_nothing_else").await;
    window.shots("welcome").await;
    window.close().await;
}
